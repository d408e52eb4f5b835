-- A task by what it is about: to have it done sooner.
CREATE INDEX tasks_by_subject ON tasks (subject, kind);
