package repository

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5/pgconn"
)

func TestSchema(t *testing.T) {
	databases(t, func(t *testing.T, uri string) {
		ds, ctx := openSource(t, uri), t.Context()
		state, err := ds.CheckSchema(ctx)
		if err != nil || len(state.Present) != 0 || len(state.Missing) < 7 || state.Version != 0 {
			t.Fatalf("an empty database: %+v, %v", state, err)
		}
		if ds.engine == sqliteEngine {
			if _, err := os.Stat(ds.loc.file); err == nil {
				t.Error("a look has made a file")
			}
		} else if err := ds.Start(ctx); !errors.Is(err, ErrNoSchema) || !strings.Contains(err.Error(), "run 'tpush schema install'") {
			t.Errorf("start: %v", err)
		}
		created, err := ds.InstallSchema(ctx)
		if err != nil || strings.Join(created, " ") != strings.Join(state.Missing, " ") {
			t.Fatalf("created %v, %v", created, err)
		}
		if created, err = ds.InstallSchema(ctx); err != nil || len(created) != 0 {
			t.Errorf("once more: %v, %v", created, err)
		}
		if state, err = ds.CheckSchema(ctx); err != nil || len(state.Missing) != 0 || state.Version != schemaVersion {
			t.Errorf("after that: %+v, %v", state, err)
		}
		ok(t, ds.Start(ctx))
		ok(t, ds.writing().exec(ctx, "UPDATE tig_schema_versions SET version = '2' WHERE component = 'push-go'"))
		if _, err = ds.InstallSchema(ctx); !errors.Is(err, ErrNewerSchema) {
			t.Errorf("newer tables: %v", err)
		}
		if err := ds.Start(ctx); !errors.Is(err, ErrNewerSchema) {
			t.Errorf("start with newer tables: %v", err)
		}
	})
}

// TestInstalledAtOnce lets several programs set up the same database.
func TestInstalledAtOnce(t *testing.T) {
	databases(t, func(t *testing.T, uri string) {
		results := make(chan error, 4)
		for range cap(results) {
			ds := openSource(t, uri)
			go func() {
				_, err := ds.InstallSchema(t.Context())
				results <- err
			}()
		}
		for range cap(results) {
			if err := <-results; err != nil {
				t.Error(err)
			}
		}
	})
}

// TestHeldLock is what happens while a schema is loaded by Tigase.
func TestHeldLock(t *testing.T) {
	for name, query := range map[string]string{"mysql": "SELECT GET_LOCK('tigase', 1)", "postgresql": "SELECT pg_advisory_lock(873850688)"} {
		t.Run(name, func(t *testing.T) {
			uri := emptyDatabase(t, name)
			other := openSource(t, uri)
			c, err := other.write.Conn(t.Context())
			ok(t, err)
			if _, err := c.ExecContext(t.Context(), query); err != nil {
				t.Fatal(err)
			}
			done := make(chan error, 1)
			ds := openSource(t, uri)
			go func() {
				_, err := ds.InstallSchema(t.Context())
				done <- err
			}()
			state, err := other.CheckSchema(t.Context())
			if err != nil || len(state.Present) != 0 {
				t.Errorf("installed while the lock was held: %+v, %v", state, err)
			}
			release := map[string]string{"mysql": "DO RELEASE_LOCK('tigase')", "postgresql": "SELECT pg_advisory_unlock(873850688)"}[name]
			if _, err := c.ExecContext(t.Context(), release); err != nil {
				t.Fatal(err)
			}
			ok(t, c.Close())
			ok(t, <-done)
		})
	}
}

func TestNoSchemaManagement(t *testing.T) {
	databases(t, func(t *testing.T, uri string) {
		cfg := config(uri)
		cfg.Schema = false
		ds, err := Open("default", cfg, t.TempDir(), slog.New(slog.DiscardHandler))
		ok(t, err)
		defer ds.Close()
		ds.Use(UserTables | DeviceTables)
		if err := ds.Start(t.Context()); !errors.Is(err, ErrNoSchema) || !strings.Contains(err.Error(), "--print") {
			t.Errorf("error %v", err)
		}
		if _, err := ds.InstallSchema(t.Context()); err == nil || !strings.Contains(err.Error(), "schema-management") {
			t.Errorf("error %v", err)
		}
	})
}

// TestPrintedSchema runs the SQL that is printed through the databases' own
// command-line programs.
func TestPrintedSchema(t *testing.T) {
	for _, name := range []string{"mysql", "postgresql"} {
		t.Run(name, func(t *testing.T) {
			ds := openSource(t, emptyDatabase(t, name))
			host, port, _ := strings.Cut(ds.loc.hosts[0], ":")
			cmd := exec.Command("psql", "-q", "-v", "ON_ERROR_STOP=1", "-h", host, "-p", port, "-d", ds.loc.database)
			if name == "mysql" {
				cmd = exec.Command("mariadb", "--no-defaults", "--protocol=tcp", "-h", host, "-P", port, "-u", ds.loc.mysql.User, "-p"+ds.loc.mysql.Passwd, ds.loc.database)
			} else {
				cmd.Env = append(os.Environ(), "PGUSER="+ds.loc.postgres.User, "PGPASSWORD="+ds.loc.postgres.Password)
			}
			cmd.Stdin = strings.NewReader(ds.SchemaSQL(nil, false))
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			if state, err := ds.CheckSchema(t.Context()); err != nil || len(state.Missing) != 0 {
				t.Errorf("missing %v, %v", state.Missing, err)
			}
		})
	}
}

func TestMissingRoutine(t *testing.T) {
	for name, drop := range map[string]string{"mysql": "DROP PROCEDURE TigUpdatePairs", "postgresql": "DROP FUNCTION TigUpdatePairs(bigint, bigint, varchar, text)"} {
		t.Run(name, func(t *testing.T) {
			u, ctx := openUsers(t, emptyDatabase(t, name)), t.Context()
			ok(t, u.SetData(ctx, "u", "", "k", "v"))
			ok(t, u.ds.writing().exec(ctx, drop))
			if err := u.SetData(ctx, "u", "", "k", "new"); err == nil || !strings.Contains(err.Error(), "a routine is missing: run 'tpush schema install'") {
				t.Errorf("error %v", err)
			}
			if err := u.ds.Start(ctx); !errors.Is(err, ErrNoSchema) || !strings.Contains(err.Error(), "routine TigUpdatePairs") {
				t.Errorf("start: %v", err)
			}
			created, err := u.ds.InstallSchema(ctx)
			if err != nil || fmt.Sprint(created) != "[routine TigUpdatePairs]" {
				t.Errorf("created %v, %v", created, err)
			}
			if got, err := u.Data(ctx, "u", "", "k"); err != nil || got != "v" {
				t.Errorf("the old value: %q, %v", got, err)
			}
			ok(t, u.SetData(ctx, "u", "", "k", "new"))
		})
	}
}

func TestReadOnlyDatabase(t *testing.T) {
	uri := emptyDatabase(t, "postgresql")
	d := openDevices(t, uri)
	register(t, d, key("AB"), "", "n1")
	ok(t, d.Writable(t.Context()))
	ok(t, d.ds.writing().exec(t.Context(), "ALTER DATABASE "+d.ds.loc.database+" SET default_transaction_read_only = on"))
	again := NewDevices(openSource(t, uri), slog.New(slog.DiscardHandler))
	defer again.Close()
	ok(t, again.ds.Start(t.Context()))
	if got := byNode(t, again, "n1"); len(got) != 1 {
		t.Errorf("devices %+v", got)
	}
	if err := again.Writable(t.Context()); err == nil || !strings.Contains(err.Error(), "the database is read-only") {
		t.Errorf("it takes changes: %v", err)
	}
	if _, err := again.Register(t.Context(), key("CD"), "", "n2"); err == nil || errors.Is(err, ErrNotFound) || !strings.Contains(err.Error(), "the database is read-only") {
		t.Errorf("error %v", err)
	}
}

// TestFailover names a host first where nothing listens.
func TestFailover(t *testing.T) {
	for _, name := range []string{"mysql", "postgresql"} {
		t.Run(name, func(t *testing.T) {
			uri := strings.Replace(emptyDatabase(t, name), "://", "://127.0.0.1:1,", 1)
			d := openDevices(t, uri)
			register(t, d, key("AB"), "", "n1")
			if got := byNode(t, d, "n1"); len(got) != 1 {
				t.Errorf("devices %+v", got)
			}
		})
	}
}

func TestErrors(t *testing.T) {
	server := &DataSource{dialect: &dialects[mysqlEngine], loc: &location{engine: mysqlEngine, database: "tigasedb", hosts: []string{"db:3306"}}}
	for want, err := range map[string]error{
		"database 'tigasedb' at db:3306: Error 1045: denied: look at user and password in 'uri'":                                    &mysql.MySQLError{Number: 1045, Message: "denied"},
		"database 'tigasedb' at db:3306: Error 1290: ro: the database is read-only: look whether 'uri' names a replica":             &mysql.MySQLError{Number: 1290, Message: "ro"},
		"database 'tigasedb' at db:3306: Error 1449: x: the account that owns the stored routines is gone: load the routines again": &mysql.MySQLError{Number: 1449, Message: "x"},
		"database 'tigasedb' at db:3306: : no (SQLSTATE 42501): the user lacks a right":                                             &pgconn.PgError{Code: "42501", Message: "no"},
		"database 'tigasedb' at db:3306: " + mysql.ErrNoTLS.Error() + ": the server offers no TLS":                                  mysql.ErrNoTLS,
		"database 'tigasedb' at db:3306: invalid connection: look at host and port in 'uri'":                                        mysql.ErrInvalidConn,
	} {
		if got := server.explain(err); !strings.HasPrefix(got.Error(), want) {
			t.Errorf("%v, want %s", got, want)
		}
	}
	for _, err := range []error{&mysql.MySQLError{Number: 1213}, &mysql.MySQLError{Number: 1205}, &pgconn.PgError{Code: "40001"}, &pgconn.PgError{Code: "40P01"}} {
		tries := 0
		server.places = make(chan struct{}, 1)
		got := server.again(t.Context(), func(context.Context) error {
			if tries++; tries < 3 {
				return fmt.Errorf("commit: %w", err)
			}
			return nil
		})
		if got != nil || tries != 3 {
			t.Errorf("%v: %d tries, %v", err, tries, got)
		}
	}
}
