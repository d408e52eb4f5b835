-- How many reports of a partner are queued or running: each admission asks, and counting them takes longer the more there
-- are. However a report comes, moves and goes, it is counted.
CREATE TABLE active_jobs (
  partner TEXT PRIMARY KEY,
  jobs INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO active_jobs (partner, jobs)
  SELECT partner, COUNT(*) FROM jobs WHERE status IN ('queued', 'running') GROUP BY partner;
DROP INDEX jobs_active;

CREATE TRIGGER jobs_come AFTER INSERT ON jobs WHEN NEW.status IN ('queued', 'running')
BEGIN
  INSERT INTO active_jobs (partner, jobs) VALUES (NEW.partner, 1) ON CONFLICT (partner) DO UPDATE SET jobs = jobs + 1;
END;
CREATE TRIGGER jobs_end AFTER UPDATE OF status ON jobs
WHEN OLD.status IN ('queued', 'running') AND NEW.status NOT IN ('queued', 'running')
BEGIN
  UPDATE active_jobs SET jobs = jobs - 1 WHERE partner = OLD.partner;
END;
CREATE TRIGGER jobs_begin_again AFTER UPDATE OF status ON jobs
WHEN OLD.status NOT IN ('queued', 'running') AND NEW.status IN ('queued', 'running')
BEGIN
  INSERT INTO active_jobs (partner, jobs) VALUES (NEW.partner, 1) ON CONFLICT (partner) DO UPDATE SET jobs = jobs + 1;
END;
CREATE TRIGGER jobs_go AFTER DELETE ON jobs WHEN OLD.status IN ('queued', 'running')
BEGIN
  UPDATE active_jobs SET jobs = jobs - 1 WHERE partner = OLD.partner;
END;
CREATE TRIGGER active_jobs_are_counted AFTER UPDATE OF jobs ON active_jobs WHEN NEW.jobs <= 0
BEGIN
  DELETE FROM active_jobs WHERE partner = NEW.partner;
END;
