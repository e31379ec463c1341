-- The versions of all schemas in the database, Tigase's own table.

CREATE TABLE tig_schema_versions (
    component varchar(100) NOT NULL,
    version varchar(100) NOT NULL,
    last_update timestamp NOT NULL,
    PRIMARY KEY (component)
);
