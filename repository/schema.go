package repository

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

const (
	// schemaID is our row in tig_schema_versions; never one of Tigase's, whose
	// start checks look at theirs.
	schemaID      = "push-go"
	schemaVersion = 1
)

// tables are ours, by name. tig_push_devices has the columns of Tigase's own
// push component as far as they are public; what it lacks is in
// tig_push_device_data, which belongs to us alone.
var tables = []struct{ name, mysql, sqlite string }{
	{"tig_schema_versions", `
		component varchar(100) NOT NULL PRIMARY KEY,
		version varchar(100) NOT NULL,
		last_update timestamp NOT NULL`, `
		component TEXT NOT NULL PRIMARY KEY,
		version TEXT NOT NULL,
		last_update INTEGER NOT NULL`},
	{"tig_push_devices", `
		service_jid varchar(2049) NOT NULL, service_jid_sha1 char(40) CHARACTER SET ascii NOT NULL,
		user_jid varchar(2049) NOT NULL, user_jid_sha1 char(40) CHARACTER SET ascii NOT NULL,
		node varchar(255) NOT NULL, node_sha1 char(40) CHARACTER SET ascii NOT NULL,
		provider varchar(255) NOT NULL,
		device_id varchar(4096) NOT NULL, device_id_sha1 char(40) CHARACTER SET ascii NOT NULL,
		created_at timestamp(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
		updated_at timestamp(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
		PRIMARY KEY (service_jid_sha1, user_jid_sha1, provider, device_id_sha1),
		KEY tig_push_devices_node (service_jid_sha1, node_sha1),
		KEY tig_push_devices_device (provider, device_id_sha1)`, `
		service_jid TEXT NOT NULL, service_jid_sha1 TEXT NOT NULL,
		user_jid TEXT NOT NULL, user_jid_sha1 TEXT NOT NULL,
		node TEXT NOT NULL, node_sha1 TEXT NOT NULL,
		provider TEXT NOT NULL,
		device_id TEXT NOT NULL, device_id_sha1 TEXT NOT NULL,
		created_at INTEGER NOT NULL DEFAULT (unixepoch()),
		updated_at INTEGER NOT NULL DEFAULT (unixepoch()),
		PRIMARY KEY (service_jid_sha1, user_jid_sha1, provider, device_id_sha1)`},
	{"tig_push_device_data", `
		service_jid_sha1 char(40) CHARACTER SET ascii NOT NULL, user_jid_sha1 char(40) CHARACTER SET ascii NOT NULL,
		provider varchar(255) NOT NULL, device_id_sha1 char(40) CHARACTER SET ascii NOT NULL,
		device_second_id varchar(4096) NULL,
		registered_ms bigint NOT NULL DEFAULT 0,
		accepted_ms bigint NOT NULL DEFAULT 0,
		failed_ms bigint NOT NULL DEFAULT 0,
		failed_reason varchar(255) NOT NULL DEFAULT '',
		failed_push_id varchar(64) NOT NULL DEFAULT '',
		sandbox tinyint NOT NULL DEFAULT 0,
		PRIMARY KEY (service_jid_sha1, user_jid_sha1, provider, device_id_sha1)`, `
		service_jid_sha1 TEXT NOT NULL, user_jid_sha1 TEXT NOT NULL,
		provider TEXT NOT NULL, device_id_sha1 TEXT NOT NULL,
		device_second_id TEXT NULL,
		registered_ms INTEGER NOT NULL DEFAULT 0,
		accepted_ms INTEGER NOT NULL DEFAULT 0,
		failed_ms INTEGER NOT NULL DEFAULT 0,
		failed_reason TEXT NOT NULL DEFAULT '',
		failed_push_id TEXT NOT NULL DEFAULT '',
		sandbox INTEGER NOT NULL DEFAULT 0,
		PRIMARY KEY (service_jid_sha1, user_jid_sha1, provider, device_id_sha1)`},
	{"tig_push_tombstones", `
		service_jid_sha1 char(40) CHARACTER SET ascii NOT NULL, user_jid_sha1 char(40) CHARACTER SET ascii NOT NULL,
		provider varchar(255) NOT NULL, device_id_sha1 char(40) CHARACTER SET ascii NOT NULL,
		service_jid varchar(2049) NOT NULL, user_jid varchar(2049) NOT NULL,
		token_hash char(8) NOT NULL, why varchar(64) NOT NULL, removed_ms bigint NOT NULL,
		PRIMARY KEY (service_jid_sha1, user_jid_sha1, provider, device_id_sha1),
		KEY tig_push_tombstones_removed (removed_ms)`, `
		service_jid_sha1 TEXT NOT NULL, user_jid_sha1 TEXT NOT NULL,
		provider TEXT NOT NULL, device_id_sha1 TEXT NOT NULL,
		service_jid TEXT NOT NULL, user_jid TEXT NOT NULL,
		token_hash TEXT NOT NULL, why TEXT NOT NULL, removed_ms INTEGER NOT NULL,
		PRIMARY KEY (service_jid_sha1, user_jid_sha1, provider, device_id_sha1)`},
}

var sqliteIndexes = []string{
	"CREATE INDEX IF NOT EXISTS tig_push_devices_node ON tig_push_devices (service_jid_sha1, node_sha1)",
	"CREATE INDEX IF NOT EXISTS tig_push_devices_device ON tig_push_devices (provider, device_id_sha1)",
	"CREATE INDEX IF NOT EXISTS tig_push_tombstones_removed ON tig_push_tombstones (removed_ms)",
}

// ErrNoSchema means that tables are missing and none may be created.
var ErrNoSchema = errors.New("tables are missing and schema-management is off")

// installSchema creates what is missing, under the lock that Tigase's own
// schema tool takes.
func (ds *DataSource) installSchema(ctx context.Context) error {
	conn, err := ds.write.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	missing, err := ds.missing(ctx, conn)
	if err != nil {
		return fmt.Errorf("look for tables: %w", err)
	}
	if len(missing) > 0 && !ds.schema {
		return fmt.Errorf("%w: %s", ErrNoSchema, strings.Join(missing, ", "))
	}
	if len(missing) > 0 {
		if err := ds.createTables(ctx, conn); err != nil {
			return fmt.Errorf("create tables: %w", err)
		}
		ds.log.Info("tables created", "tables", strings.Join(missing, ", "))
	}
	return ds.version(ctx, conn)
}

// missing names the tables that are not there.
func (ds *DataSource) missing(ctx context.Context, conn *sql.Conn) (names []string, err error) {
	query := "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND lower(name) = ?"
	if ds.loc.engine == mysqlEngine {
		query = "SELECT count(*) FROM information_schema.tables WHERE table_schema = database() AND lower(table_name) = ?"
	}
	for _, t := range tables {
		var n int
		if err := conn.QueryRowContext(ctx, query, t.name).Scan(&n); err != nil {
			return nil, err
		}
		if n == 0 {
			names = append(names, t.name)
		}
	}
	return names, nil
}

func (ds *DataSource) createTables(ctx context.Context, conn *sql.Conn) error {
	if ds.loc.engine == sqliteEngine {
		for _, t := range tables {
			if _, err := conn.ExecContext(ctx, "CREATE TABLE IF NOT EXISTS "+t.name+" ("+t.sqlite+") STRICT"); err != nil {
				return err
			}
		}
		for _, index := range sqliteIndexes {
			if _, err := conn.ExecContext(ctx, index); err != nil {
				return err
			}
		}
		return nil
	}
	var got sql.NullInt64
	if err := conn.QueryRowContext(ctx, "SELECT GET_LOCK('tigase', 15)").Scan(&got); err != nil || got.Int64 != 1 {
		return errors.Join(errors.New("another process holds the lock 'tigase'"), err)
	}
	defer conn.ExecContext(context.WithoutCancel(ctx), "DO RELEASE_LOCK('tigase')")
	for _, t := range tables {
		_, err := conn.ExecContext(ctx, "CREATE TABLE IF NOT EXISTS "+t.name+" ("+t.mysql+") ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin ROW_FORMAT=DYNAMIC")
		if err != nil {
			return err
		}
	}
	return nil
}

// version checks our row, or writes it.
func (ds *DataSource) version(ctx context.Context, conn *sql.Conn) error {
	var text string
	err := conn.QueryRowContext(ctx, "SELECT version FROM tig_schema_versions WHERE component = ?", schemaID).Scan(&text)
	switch {
	case errors.Is(err, sql.ErrNoRows) && ds.schema:
		when := "unixepoch()"
		insert := "INSERT OR IGNORE"
		if ds.loc.engine == mysqlEngine {
			when, insert = "CURRENT_TIMESTAMP", "INSERT IGNORE"
		}
		_, err = conn.ExecContext(ctx, insert+" INTO tig_schema_versions (component, version, last_update) VALUES (?, ?, "+when+")", schemaID, strconv.Itoa(schemaVersion))
		return err
	case errors.Is(err, sql.ErrNoRows):
		return nil
	case err != nil:
		return fmt.Errorf("read schema version: %w", err)
	}
	if n, err := strconv.Atoi(text); err != nil || n > schemaVersion {
		return fmt.Errorf("the tables are of version %s of a newer tpush; this one knows %d: use the newer program", text, schemaVersion)
	}
	return nil
}
