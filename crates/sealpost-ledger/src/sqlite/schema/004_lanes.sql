-- Lanes: the tasks that go to one connector. They take turns, and only so many of one are leased at once.

-- `capacity`: how many may be leased at once; unless a connector says otherwise, as many as a connector has that says
-- nothing. `tasks`: how many it has, of any state. `served`: the number of the claim that took from it last.
CREATE TABLE lanes (
  id TEXT PRIMARY KEY,
  capacity INTEGER NOT NULL DEFAULT 2,
  tasks INTEGER NOT NULL DEFAULT 0,
  served INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
CREATE INDEX lanes_in_turn ON lanes (served, id) WHERE tasks > 0;
CREATE INDEX lanes_by_claim ON lanes (served);

ALTER TABLE tasks ADD COLUMN lane TEXT;
-- A record that can't be read is told when it is used; it does not keep the file from being opened.
UPDATE tasks SET lane =
  (SELECT record ->> '$.connector' FROM deliveries WHERE deliveries.id = subject AND json_valid(record))
  WHERE kind = 'deliver';
UPDATE tasks SET lane = (SELECT connector FROM transfer_items WHERE transfer_items.id = subject)
  WHERE kind = 'transfer';
INSERT INTO lanes (id, capacity)
  SELECT id, MAX(1, COALESCE(CAST(record ->> '$.settings.limits.concurrency' AS INTEGER), 2))
  FROM (SELECT id, record FROM connectors UNION ALL SELECT id, record FROM transfer_connectors)
  WHERE json_valid(record);
INSERT OR IGNORE INTO lanes (id) SELECT DISTINCT lane FROM tasks WHERE lane IS NOT NULL;
UPDATE lanes SET tasks = (SELECT COUNT(*) FROM tasks WHERE lane = lanes.id);

-- Tasks without a lane, in the order in which they are claimed; those of a lane; its leases; all that have a lane by time.
DROP INDEX tasks_ready;
CREATE INDEX tasks_ready ON tasks (kind, ready_at, ordinal, leased) WHERE lane IS NULL;
CREATE INDEX tasks_of_lane ON tasks (lane, kind, ready_at, ordinal) WHERE lane IS NOT NULL;
CREATE INDEX tasks_leased_of_lane ON tasks (lane, ready_at) WHERE lane IS NOT NULL AND leased = 1;
CREATE INDEX tasks_of_lanes_by_time ON tasks (ready_at) WHERE lane IS NOT NULL;

-- However a task comes and goes, its lane counts it. One that nobody can use any more goes with its last task.
CREATE TRIGGER tasks_enter_their_lane AFTER INSERT ON tasks WHEN NEW.lane IS NOT NULL
BEGIN
  INSERT INTO lanes (id, tasks) VALUES (NEW.lane, 1) ON CONFLICT (id) DO UPDATE SET tasks = tasks + 1;
END;
CREATE TRIGGER tasks_leave_their_lane AFTER DELETE ON tasks WHEN OLD.lane IS NOT NULL
BEGIN
  UPDATE lanes SET tasks = tasks - 1 WHERE id = OLD.lane;
  DELETE FROM lanes WHERE id = OLD.lane AND tasks = 0
    AND NOT EXISTS (SELECT 1 FROM connectors WHERE id = OLD.lane)
    AND NOT EXISTS (SELECT 1 FROM transfer_connectors WHERE id = OLD.lane);
END;
-- A claim: the others come first now. Counted rather than timed: a clock that was set back would keep a lane waiting.
CREATE TRIGGER tasks_take_their_turn AFTER UPDATE OF epoch ON tasks WHEN NEW.lane IS NOT NULL
BEGIN
  UPDATE lanes SET served = 1 + (SELECT MAX(served) FROM lanes) WHERE id = NEW.lane;
END;
CREATE TRIGGER connectors_take_their_lane AFTER DELETE ON connectors
BEGIN
  DELETE FROM lanes WHERE id = OLD.id AND tasks = 0;
END;
CREATE TRIGGER transfer_connectors_take_their_lane AFTER DELETE ON transfer_connectors
BEGIN
  DELETE FROM lanes WHERE id = OLD.id AND tasks = 0;
END;
