-- One database holds everything that must survive: cursors, links, intents, dead letters, activity and runs.
-- The SQL is plain, so that SQLite and PostgreSQL share it; {serial} and {blob} are the two words that differ.

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

CREATE TABLE IF NOT EXISTS intents (
  target TEXT NOT NULL,
  match  TEXT NOT NULL,
  run    TEXT NOT NULL,
  key    TEXT NOT NULL,
  at     BIGINT NOT NULL,
  PRIMARY KEY (target, match)
);

CREATE TABLE IF NOT EXISTS held (
  id         {serial},
  pipeline   TEXT NOT NULL,
  run        TEXT NOT NULL,
  entity     TEXT NOT NULL,
  key        TEXT NOT NULL,
  record_id  TEXT NOT NULL,
  status     TEXT NOT NULL,
  step       TEXT NOT NULL,
  code       TEXT NOT NULL,
  class      TEXT NOT NULL,
  message    TEXT NOT NULL,
  waits_for  TEXT NOT NULL,
  original   {blob},
  current    {blob},
  exchanges  {blob},
  meta       {blob},
  version    TEXT NOT NULL,
  attempts   BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);
CREATE INDEX IF NOT EXISTS held_by_key ON held (pipeline, key, status);
CREATE INDEX IF NOT EXISTS held_by_status ON held (status, pipeline, id);

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

CREATE TABLE IF NOT EXISTS leases (
  pipeline TEXT PRIMARY KEY,
  run      TEXT NOT NULL,
  fence    BIGINT NOT NULL,
  node     TEXT NOT NULL,
  until    BIGINT NOT NULL
);
