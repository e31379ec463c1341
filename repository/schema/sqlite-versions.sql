-- The versions of all schemas in the database.

CREATE TABLE tig_schema_versions (
    component TEXT NOT NULL PRIMARY KEY,
    version TEXT NOT NULL,
    last_update INTEGER NOT NULL
) STRICT;
