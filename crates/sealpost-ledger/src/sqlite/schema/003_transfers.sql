-- The transfer API: its connectors, what was started on connectors, and who may ask.

CREATE TABLE transfer_connectors (
  id TEXT PRIMARY KEY,
  record TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- `open` counts the items that have not ended; `open` and `finished_at` stand for those in the record.
CREATE TABLE transfers (
  id TEXT PRIMARY KEY,
  announced INTEGER NOT NULL,
  open INTEGER NOT NULL,
  finished_at INTEGER,
  record TEXT NOT NULL
) STRICT;
CREATE INDEX transfers_by_end ON transfers (finished_at) WHERE finished_at IS NOT NULL;

-- No reference to connectors: what was started on one that is removed meanwhile fails when its turn comes.
CREATE TABLE transfer_items (
  id TEXT PRIMARY KEY,
  transfer TEXT NOT NULL REFERENCES transfers (id) ON DELETE CASCADE,
  position INTEGER NOT NULL,
  connector TEXT NOT NULL,
  status TEXT NOT NULL,
  size INTEGER,
  bytes INTEGER NOT NULL DEFAULT 0,
  record TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX transfer_items_of_transfer ON transfer_items (transfer, position);
CREATE INDEX transfer_items_queued ON transfer_items (status) WHERE status = 'QUEUED';

-- The callers' idempotency tokens. They go with their transfers, which are kept much longer than a token.
CREATE TABLE transfer_tokens (
  caller TEXT NOT NULL,
  token TEXT NOT NULL,
  request_sha256 TEXT NOT NULL,
  transfer TEXT NOT NULL REFERENCES transfers (id) ON DELETE CASCADE,
  created_at INTEGER NOT NULL,
  PRIMARY KEY (caller, token)
) STRICT, WITHOUT ROWID;
CREATE INDEX transfer_tokens_by_age ON transfer_tokens (created_at);
CREATE INDEX transfer_tokens_of_transfer ON transfer_tokens (transfer);

CREATE TABLE access_keys (
  id TEXT PRIMARY KEY,
  created_at INTEGER NOT NULL,
  record TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX access_keys_by_time ON access_keys (created_at, id);

-- No task of what is forgotten stays behind. The statements repeat the condition of the index word by word, which is how
-- SQLite knows that it may use it.
CREATE INDEX tasks_of_transfers ON tasks (subject) WHERE kind IN ('transfer', 'announce', 'announce_transfer');
CREATE INDEX dead_tasks_of_transfers ON dead_tasks (subject)
  WHERE kind IN ('transfer', 'announce', 'announce_transfer');
CREATE TRIGGER transfer_items_take_their_tasks AFTER DELETE ON transfer_items
BEGIN
  DELETE FROM tasks WHERE kind IN ('transfer', 'announce', 'announce_transfer') AND subject = OLD.id;
  DELETE FROM dead_tasks WHERE kind IN ('transfer', 'announce', 'announce_transfer') AND subject = OLD.id;
END;
CREATE TRIGGER transfers_take_their_tasks AFTER DELETE ON transfers
BEGIN
  DELETE FROM tasks WHERE kind IN ('transfer', 'announce', 'announce_transfer') AND subject = OLD.id;
  DELETE FROM dead_tasks WHERE kind IN ('transfer', 'announce', 'announce_transfer') AND subject = OLD.id;
END;
