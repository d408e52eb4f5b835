-- The partner edge: who calls, how often, what partners are told, and what they change about themselves.

-- One partner for each caller, by the key.
CREATE TABLE identities (
  issuer TEXT NOT NULL,
  subject TEXT NOT NULL,
  partner TEXT NOT NULL REFERENCES partners (id) ON DELETE CASCADE,
  PRIMARY KEY (issuer, subject)
) STRICT, WITHOUT ROWID;
CREATE INDEX identities_of_partner ON identities (partner);

-- No reference to partners: a request that is counted while its partner is being removed is no error.
CREATE TABLE usage (
  partner TEXT NOT NULL,
  period TEXT NOT NULL,
  start_at INTEGER NOT NULL,
  end_at INTEGER NOT NULL,
  reserved INTEGER NOT NULL,
  PRIMARY KEY (partner, period, start_at)
) STRICT, WITHOUT ROWID;
CREATE INDEX usage_by_end ON usage (end_at);

CREATE TABLE webhooks (
  id TEXT PRIMARY KEY,
  partner TEXT NOT NULL REFERENCES partners (id) ON DELETE CASCADE,
  created_at INTEGER NOT NULL,
  record TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX webhooks_of_partner ON webhooks (partner, created_at, id);

CREATE TABLE notifications (
  id TEXT PRIMARY KEY,
  webhook TEXT NOT NULL REFERENCES webhooks (id) ON DELETE CASCADE,
  partner TEXT NOT NULL,
  status TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  finished_at INTEGER,
  record TEXT NOT NULL
) STRICT;
-- As with jobs: with the filter's columns in the index, a row is only visited when it is shown.
CREATE INDEX notifications_by_time ON notifications (created_at, id, status);
CREATE INDEX notifications_of_partner ON notifications (partner, created_at, id, status);
CREATE INDEX notifications_of_webhook ON notifications (webhook, created_at, id, status, partner);
CREATE INDEX notifications_by_end ON notifications (finished_at) WHERE finished_at IS NOT NULL;

-- However a notification goes (by age, with its webhook, with its partner), no task of it stays behind.
CREATE INDEX tasks_of_notifications ON tasks (subject) WHERE kind = 'notify';
CREATE INDEX dead_tasks_of_notifications ON dead_tasks (subject) WHERE kind = 'notify';
CREATE TRIGGER notifications_take_their_tasks AFTER DELETE ON notifications
BEGIN
  DELETE FROM tasks WHERE kind = 'notify' AND subject = OLD.id;
  DELETE FROM dead_tasks WHERE kind = 'notify' AND subject = OLD.id;
END;

-- Those decided stay when the partner goes, as the audit trail does.
CREATE TABLE changes (
  id TEXT PRIMARY KEY,
  partner TEXT NOT NULL,
  subject TEXT NOT NULL,
  status TEXT NOT NULL,
  asked_at INTEGER NOT NULL,
  record TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX changes_pending ON changes (partner, subject) WHERE status = 'pending';
CREATE INDEX changes_by_time ON changes (asked_at, id, status);
CREATE INDEX changes_of_partner ON changes (partner, asked_at, id, status);

CREATE TABLE audit (
  id TEXT PRIMARY KEY,
  partner TEXT NOT NULL,
  at INTEGER NOT NULL,
  record TEXT NOT NULL
) STRICT;
CREATE INDEX audit_by_time ON audit (at, id);
CREATE INDEX audit_of_partner ON audit (partner, at, id);
CREATE TRIGGER audit_is_never_changed BEFORE UPDATE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END;
CREATE TRIGGER audit_is_never_cut BEFORE DELETE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END;

CREATE TABLE challenges (
  partner TEXT NOT NULL REFERENCES partners (id) ON DELETE CASCADE,
  fingerprint TEXT NOT NULL,
  record TEXT NOT NULL,
  PRIMARY KEY (partner, fingerprint)
) STRICT, WITHOUT ROWID;

-- A key that made deliveries instead of a job: their ids as a JSON array.
ALTER TABLE idempotency ADD COLUMN deliveries TEXT;
