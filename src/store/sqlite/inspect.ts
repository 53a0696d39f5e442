import { statfsSync } from "node:fs";
import type { StoreInfo } from "../store.ts";
import type { Database } from "./database.ts";
import { MEMORY } from "./path.ts";

/** Free space below which a warning is given. */
const LITTLE_SPACE_BYTES = 256 * 1024 * 1024;

/** File systems of other machines, by the magic number Linux gives them (`man statfs`). */
const NETWORK_FILE_SYSTEMS: Readonly<Record<number, string>> = {
  0x6969: "NFS",
  0x517b: "SMB",
  0xff534d42: "CIFS",
  0xfe534d42: "SMB",
  0x5346414f: "AFS",
  0x00c36400: "Ceph",
  0x0bd00bd0: "Lustre",
  0x01021997: "9P",
};

/** Looks the database over. */
export function inspect(db: Database, synchronous: "full" | "normal"): StoreInfo {
  const sqlite = String(db.sql("SELECT sqlite_version() AS version").get()?.["version"]);
  const memory = db.path === MEMORY;
  const journal = String(db.sql("PRAGMA journal_mode").get()?.["journal_mode"]);
  return {
    engine: "sqlite",
    version: `SQLite ${sqlite} (Node ${process.versions.node})`,
    location: memory ? MEMORY : db.path,
    durability: memory
      ? "Messages live in this process's memory and end with it."
      : synchronous === "full"
        ? "A message is on disk before send returns: it survives a crash of the process, of the system and a loss of power."
        : "A message survives a crash of the process; a crash of the system or a loss of power may take the last moments before it.",
    warnings: memory ? [] : [...settingWarnings(synchronous, journal), ...diskWarnings(db.file)],
  };
}

function settingWarnings(synchronous: "full" | "normal", journal: string): string[] {
  const warnings: string[] = [];
  if (synchronous === "normal") {
    warnings.push(
      'synchronous is "normal": a loss of power may take messages whose send has returned, and bring back acked ones. ' +
        'Use "full" unless that is acceptable.',
    );
  }
  if (journal !== "wal") {
    warnings.push(
      `The journal mode is ${journal}, not WAL, which this file system seems not to allow: readers and writers block ` +
        "each other. Put the file on a local disk.",
    );
  }
  return warnings;
}

function diskWarnings(path: string): string[] {
  const warnings: string[] = [];
  const { type, bavail, bsize } = statfsSync(path);
  const network = process.platform === "linux" ? NETWORK_FILE_SYSTEMS[type >>> 0] : undefined;
  if (network !== undefined) {
    warnings.push(
      `The file is on a network file system (${network}), where SQLite's locks may fail and damage it when several ` +
        "machines use it. Put it on a local disk, or use Redis.",
    );
  }
  const free = bavail * bsize;
  if (free < LITTLE_SPACE_BYTES) {
    warnings.push(`The disk has only ${Math.floor(free / 1024 / 1024)} MB left. Free some before sends are refused.`);
  }
  return warnings;
}
