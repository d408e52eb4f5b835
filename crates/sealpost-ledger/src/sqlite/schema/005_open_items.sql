-- What counts against the limit of the transfer API's queue: items that are tried again later wait as well. The statement
-- repeats the condition of the index word by word, which is how SQLite knows that it may use it.
DROP INDEX transfer_items_queued;
CREATE INDEX transfer_items_open ON transfer_items (status) WHERE status IN ('QUEUED', 'IN_PROGRESS');
