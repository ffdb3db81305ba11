-- One database holds everything that must survive: cursors, links, intents, dead letters, activity and runs.
-- The SQL is plain, so that SQLite and PostgreSQL share it; {serial}, {blob}, {passing} and {unless_there} are the words that differ.

-- Versions of this text that were carried out.
CREATE TABLE IF NOT EXISTS schemas (
  version TEXT PRIMARY KEY
);

-- The key of digests and of texts that are looked up; itself sealed where the state is encrypted.
CREATE TABLE IF NOT EXISTS vault (
  name  TEXT PRIMARY KEY,
  value {blob}
);

CREATE TABLE IF NOT EXISTS cursors (
  pipeline TEXT NOT NULL,
  source   TEXT NOT NULL,
  cursor   TEXT NOT NULL,
  PRIMARY KEY (pipeline, source)
);

CREATE TABLE IF NOT EXISTS positions (
  pipeline TEXT NOT NULL,
  step     TEXT NOT NULL,
  position TEXT NOT NULL,
  PRIMARY KEY (pipeline, step)
);

CREATE TABLE IF NOT EXISTS links (
  scope     TEXT NOT NULL,
  key       TEXT NOT NULL,
  target_id TEXT NOT NULL,
  version   TEXT NOT NULL,
  hash      TEXT NOT NULL,
  PRIMARY KEY (scope, key)
);
CREATE INDEX IF NOT EXISTS links_by_target ON links (scope, target_id);

-- Which records of two systems belong together, a row for each direction. memory is what the direction knows of both
-- sides, note what the other direction has left for it.
CREATE TABLE IF NOT EXISTS pairs (
  name   TEXT NOT NULL,
  target TEXT NOT NULL,
  key    TEXT NOT NULL,
  id     TEXT NOT NULL,
  memory TEXT NOT NULL,
  note   TEXT NOT NULL,
  PRIMARY KEY (name, target, key)
);

CREATE TABLE IF NOT EXISTS intents (
  target TEXT NOT NULL,
  match  TEXT NOT NULL,
  run    TEXT NOT NULL,
  key    TEXT NOT NULL,
  at     BIGINT NOT NULL,
  id     TEXT NOT NULL DEFAULT '', -- what the target called it, once it has answered
  PRIMARY KEY (target, match)
);

CREATE TABLE IF NOT EXISTS held (
  id          {serial},
  pipeline    TEXT NOT NULL,
  run         TEXT NOT NULL,
  entity      TEXT NOT NULL,
  key         TEXT NOT NULL,
  record_id   TEXT NOT NULL,
  status      TEXT NOT NULL,
  since       BIGINT NOT NULL,
  step        TEXT NOT NULL,
  code        TEXT NOT NULL,
  class       TEXT NOT NULL,
  message     TEXT NOT NULL,
  waits_for   TEXT NOT NULL,
  wait_target TEXT NOT NULL,
  wait_match  TEXT NOT NULL,
  operation   TEXT NOT NULL,
  occurred_at BIGINT NOT NULL,
  original    {blob},
  current     {blob},
  exchanges   {blob},
  meta        {blob},
  version     TEXT NOT NULL,
  attempts    BIGINT NOT NULL,
  edited      {blob},
  edited_step TEXT NOT NULL,
  queued_at   BIGINT NOT NULL,
  from_step   TEXT NOT NULL,
  reason      TEXT NOT NULL,
  created_at  BIGINT NOT NULL,
  updated_at  BIGINT NOT NULL
);
CREATE INDEX IF NOT EXISTS held_by_key ON held (pipeline, key, status);
CREATE INDEX IF NOT EXISTS held_by_status ON held (status, pipeline, id);
CREATE INDEX IF NOT EXISTS held_by_cause ON held (status, pipeline, step, code, since);
CREATE INDEX IF NOT EXISTS held_to_return ON held (pipeline, id) WHERE status = 'parked' OR queued_at > 0;

CREATE INDEX IF NOT EXISTS held_by_wait ON held (wait_target, wait_match) WHERE status = 'parked';

CREATE TABLE IF NOT EXISTS activity (
  id        {serial},
  at        BIGINT NOT NULL,
  run       TEXT NOT NULL,
  pipeline  TEXT NOT NULL,
  entity    TEXT NOT NULL,
  key       TEXT NOT NULL,
  record_id TEXT NOT NULL,
  outcome   TEXT NOT NULL,
  code      TEXT NOT NULL,
  reason    TEXT NOT NULL,
  detail    {blob},
  took_us   BIGINT NOT NULL
);
CREATE INDEX IF NOT EXISTS activity_by_key ON activity (key, id);
CREATE INDEX IF NOT EXISTS activity_by_outcome ON activity (pipeline, outcome, id);

CREATE TABLE IF NOT EXISTS hourly (
  pipeline TEXT NOT NULL,
  hour     BIGINT NOT NULL,
  outcome  TEXT NOT NULL,
  records  BIGINT NOT NULL,
  PRIMARY KEY (pipeline, hour, outcome)
);
CREATE INDEX IF NOT EXISTS hourly_by_hour ON hourly (hour);

-- What happened at each step: records that ended there, by outcome, and what sinks did: created, updated, same.
CREATE TABLE IF NOT EXISTS steps (
  pipeline TEXT NOT NULL,
  step     TEXT NOT NULL,
  hour     BIGINT NOT NULL,
  what     TEXT NOT NULL,
  records  BIGINT NOT NULL,
  PRIMARY KEY (pipeline, step, hour, what)
);
CREATE INDEX IF NOT EXISTS steps_by_hour ON steps (pipeline, hour);

CREATE TABLE IF NOT EXISTS runs (
  id          TEXT PRIMARY KEY,
  pipeline    TEXT NOT NULL,
  kind        TEXT NOT NULL,
  status      TEXT NOT NULL,
  started_at  BIGINT NOT NULL,
  finished_at BIGINT NOT NULL,
  counts      TEXT NOT NULL,
  sinks       TEXT NOT NULL,
  error       TEXT NOT NULL,
  version     TEXT NOT NULL,
  node        TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS runs_by_pipeline ON runs (pipeline, started_at);
-- Of the parked ones in counts, those that only go on waiting; and the first of the alike runs that this one is among.
ALTER TABLE runs ADD COLUMN {unless_there} waits BIGINT NOT NULL DEFAULT 0;
ALTER TABLE runs ADD COLUMN {unless_there} streak TEXT NOT NULL DEFAULT '';
UPDATE runs SET streak = id WHERE streak = '';
CREATE INDEX IF NOT EXISTS runs_by_streak ON runs (pipeline, streak, id, started_at);

CREATE TABLE IF NOT EXISTS leases (
  pipeline TEXT PRIMARY KEY,
  run      TEXT NOT NULL,
  fence    BIGINT NOT NULL,
  seq      BIGINT NOT NULL,
  node     TEXT NOT NULL,
  until    BIGINT NOT NULL, -- of one that was given back: when
  wanted       TEXT NOT NULL DEFAULT '', -- the run that waits for the partitions of a backfill to make room
  wanted_until BIGINT NOT NULL DEFAULT 0
);

-- A backfill reads a range of a source once more. How it went stands in runs, under the same id.
CREATE TABLE IF NOT EXISTS backfills (
  id       TEXT PRIMARY KEY,
  pipeline TEXT NOT NULL,
  span     TEXT NOT NULL,
  alone    BIGINT NOT NULL
);
CREATE INDEX IF NOT EXISTS backfills_by_pipeline ON backfills (pipeline, id);

-- The pieces of a backfill. Each has a lease, a cursor and counts of its own. Of read, again were read more than once;
-- placed is what had been read where the cursor stands.
CREATE TABLE IF NOT EXISTS partitions (
  backfill TEXT NOT NULL,
  number   BIGINT NOT NULL,
  pipeline TEXT NOT NULL,
  from_ms  BIGINT NOT NULL,
  to_ms    BIGINT NOT NULL,
  cursor   TEXT NOT NULL,
  status   TEXT NOT NULL,
  counts   TEXT NOT NULL,
  sinks    TEXT NOT NULL,
  again    BIGINT NOT NULL,
  placed   BIGINT NOT NULL,
  error    TEXT NOT NULL,
  holder   TEXT NOT NULL,
  node     TEXT NOT NULL,
  fence    BIGINT NOT NULL,
  seq      BIGINT NOT NULL,
  until    BIGINT NOT NULL,
  PRIMARY KEY (backfill, number)
);
CREATE INDEX IF NOT EXISTS partitions_by_pipeline ON partitions (pipeline, status);

CREATE TABLE IF NOT EXISTS schedules (
  pipeline TEXT PRIMARY KEY,
  due      BIGINT NOT NULL,
  waiting  BIGINT NOT NULL
);

CREATE TABLE IF NOT EXISTS nodes (
  name     TEXT PRIMARY KEY,
  version  TEXT NOT NULL,
  since    BIGINT NOT NULL,
  beat     BIGINT NOT NULL,
  draining BIGINT NOT NULL
);
-- The pipelines that it runs when they are due, as JSON.
ALTER TABLE nodes ADD COLUMN {unless_there} serves TEXT NOT NULL DEFAULT '[]';

CREATE TABLE IF NOT EXISTS pauses (
  connection TEXT PRIMARY KEY,
  until      BIGINT NOT NULL,
  reason     TEXT NOT NULL
);

CREATE {passing} TABLE IF NOT EXISTS rates (
  connection TEXT PRIMARY KEY,
  next       BIGINT NOT NULL
);

CREATE {passing} TABLE IF NOT EXISTS shares (
  connection TEXT NOT NULL,
  node       TEXT NOT NULL,
  want       BIGINT NOT NULL,
  have       BIGINT NOT NULL,
  served     BIGINT NOT NULL,
  until      BIGINT NOT NULL,
  PRIMARY KEY (connection, node)
);

-- What the room of the operator needs beside. Entries with a code are few, those of filters aside.
CREATE INDEX IF NOT EXISTS activity_by_code ON activity (code, id) WHERE code <> '' AND code <> 'filtered';

-- What came in and what the steps made of it, for one entry of the activity.
CREATE TABLE IF NOT EXISTS stories (
  record_id TEXT PRIMARY KEY,
  at        BIGINT NOT NULL,
  story     {blob}
);

-- What a record can be found by beside its key: ids and numbers in the targets, digests of e-mail addresses.
CREATE TABLE IF NOT EXISTS mentions (
  term     TEXT NOT NULL,
  pipeline TEXT NOT NULL,
  key      TEXT NOT NULL,
  PRIMARY KEY (term, pipeline, key)
);

-- Pipelines whose schedule a person has stopped.
CREATE TABLE IF NOT EXISTS halts (
  pipeline TEXT PRIMARY KEY,
  at       BIGINT NOT NULL,
  who      TEXT NOT NULL
);

-- What is done from time to time by one node: when it is next, and how far it came.
CREATE TABLE IF NOT EXISTS sweeps (
  name  TEXT PRIMARY KEY,
  due   BIGINT NOT NULL,
  place BIGINT NOT NULL
);

CREATE TABLE IF NOT EXISTS users (
  name     TEXT PRIMARY KEY,
  role     TEXT NOT NULL,
  password TEXT NOT NULL, -- argon2id
  at       BIGINT NOT NULL
);

-- Sessions of a browser and tokens of a program, by the digest of what their owner shows.
CREATE TABLE IF NOT EXISTS passes (
  digest TEXT PRIMARY KEY,
  kind   TEXT NOT NULL,
  name   TEXT NOT NULL, -- of the user, or of the token
  role   TEXT NOT NULL, -- of a token
  at     BIGINT NOT NULL,
  until  BIGINT NOT NULL
);

CREATE TABLE IF NOT EXISTS audit (
  id     {serial},
  at     BIGINT NOT NULL,
  who    TEXT NOT NULL,
  action TEXT NOT NULL,
  what   TEXT NOT NULL
);

-- What is wrong and somebody is to be told of, or was, by alert. told is 0 while nobody was.
CREATE TABLE IF NOT EXISTS alerts (
  alert     TEXT NOT NULL,
  condition TEXT NOT NULL,
  subject   TEXT NOT NULL,
  since     BIGINT NOT NULL,
  seen      BIGINT NOT NULL,
  told      BIGINT NOT NULL,
  what      TEXT NOT NULL,
  why       TEXT NOT NULL,
  remedy    TEXT NOT NULL,
  path      TEXT NOT NULL, -- of the dashboard's page
  PRIMARY KEY (alert, condition, subject)
);

-- What one node does for all.
CREATE TABLE IF NOT EXISTS duties (
  name  TEXT PRIMARY KEY,
  node  TEXT NOT NULL,
  until BIGINT NOT NULL
);

-- Connections that fail whoever uses them, as each node sees it.
CREATE TABLE IF NOT EXISTS troubles (
  connection TEXT NOT NULL,
  node       TEXT NOT NULL,
  since      BIGINT NOT NULL,
  at         BIGINT NOT NULL,
  reason     TEXT NOT NULL,
  PRIMARY KEY (connection, node)
);

-- How the last live test of a connection came out, on whatever node.
CREATE TABLE IF NOT EXISTS tests (
  connection TEXT PRIMARY KEY,
  at         BIGINT NOT NULL,
  answer     TEXT NOT NULL
);

-- How the comparison of a day came out: differences, and by how much the worst of them is off, a line for each currency.
CREATE TABLE IF NOT EXISTS reconciled (
  name        TEXT NOT NULL,
  day         TEXT NOT NULL,
  at          BIGINT NOT NULL,
  differences BIGINT NOT NULL,
  off         TEXT NOT NULL,
  PRIMARY KEY (name, day)
);
