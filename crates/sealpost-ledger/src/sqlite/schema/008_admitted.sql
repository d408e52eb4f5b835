-- New reports are counted by whoever admits them, all of a statement at once: for a trigger on it, SQLite first copies all of
-- its rows. How they move and go is counted as before.
DROP TRIGGER jobs_come;
