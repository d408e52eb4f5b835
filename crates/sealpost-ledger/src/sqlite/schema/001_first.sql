-- Instants are nanoseconds since 1970 UTC. `record` is the JSON of the core type; the columns beside it are what
-- statements search by, or change on their own.

CREATE TABLE jobs (
  id TEXT PRIMARY KEY,
  partner TEXT NOT NULL,
  report_type TEXT NOT NULL,
  status TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  rows_done INTEGER NOT NULL DEFAULT 0,
  bytes_done INTEGER NOT NULL DEFAULT 0,
  record TEXT NOT NULL
) STRICT;
-- With the filter's columns in the index, a row is only visited when it is shown.
CREATE INDEX jobs_by_time ON jobs (created_at, id, status, report_type);
CREATE INDEX jobs_of_partner ON jobs (partner, created_at, id, status, report_type);
CREATE INDEX jobs_active ON jobs (partner) WHERE status IN ('queued', 'running');

CREATE TABLE sequences (
  partner TEXT NOT NULL,
  report_type TEXT NOT NULL,
  last INTEGER NOT NULL,
  PRIMARY KEY (partner, report_type)
) STRICT, WITHOUT ROWID;

CREATE TABLE idempotency (
  partner TEXT NOT NULL,
  key TEXT NOT NULL,
  request_sha256 TEXT NOT NULL,
  job TEXT NOT NULL REFERENCES jobs (id),
  created_at INTEGER NOT NULL,
  PRIMARY KEY (partner, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_by_age ON idempotency (created_at);

CREATE TABLE deliveries (
  ordinal INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  job TEXT NOT NULL REFERENCES jobs (id),
  partner TEXT NOT NULL,
  status TEXT NOT NULL,
  bytes_sent INTEGER NOT NULL DEFAULT 0,
  record TEXT NOT NULL
) STRICT;
CREATE INDEX deliveries_of_job ON deliveries (job, ordinal);
CREATE INDEX deliveries_active ON deliveries (partner) WHERE status IN ('pending', 'sending');

CREATE TABLE timeline (
  job TEXT NOT NULL REFERENCES jobs (id),
  sequence INTEGER NOT NULL,
  at INTEGER NOT NULL,
  what TEXT NOT NULL,
  PRIMARY KEY (job, sequence)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER timeline_is_never_changed BEFORE UPDATE ON timeline
BEGIN SELECT RAISE(ABORT, 'the timeline is append-only'); END;
CREATE TRIGGER timeline_is_never_cut BEFORE DELETE ON timeline
BEGIN SELECT RAISE(ABORT, 'the timeline is append-only'); END;

-- `ready_at` is when the task may be claimed: its `run_at`, or the end of the present lease.
CREATE TABLE tasks (
  ordinal INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  kind TEXT NOT NULL,
  subject TEXT NOT NULL,
  ready_at INTEGER NOT NULL,
  leased INTEGER NOT NULL DEFAULT 0,
  epoch INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX tasks_ready ON tasks (kind, ready_at, ordinal, leased);

CREATE TABLE dead_tasks (
  ordinal INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  kind TEXT NOT NULL,
  subject TEXT NOT NULL,
  epoch INTEGER NOT NULL,
  reason TEXT NOT NULL,
  buried_at INTEGER NOT NULL
) STRICT;

CREATE TABLE partners (
  id TEXT PRIMARY KEY,
  record TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE connectors (
  id TEXT PRIMARY KEY,
  partner TEXT NOT NULL REFERENCES partners (id) ON DELETE CASCADE,
  name TEXT NOT NULL,
  record TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX connectors_of_partner ON connectors (partner, name);

CREATE TABLE api_keys (
  id TEXT PRIMARY KEY,
  partner TEXT NOT NULL REFERENCES partners (id) ON DELETE CASCADE,
  created_at INTEGER NOT NULL,
  record TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX api_keys_of_partner ON api_keys (partner, created_at);

-- One row that `check` writes and reads back.
CREATE TABLE probe (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  at INTEGER NOT NULL
) STRICT;
