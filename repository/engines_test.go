package repository

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// servers are the databases that a test may use beside SQLite, with the
// variable that names one.
var servers = map[string]string{"mysql": "TPUSH_TEST_MYSQL_URI", "postgresql": "TPUSH_TEST_POSTGRES_URI"}

// databases runs a test on an empty database of each engine: SQLite always, the
// others where a server is.
func databases(t *testing.T, test func(t *testing.T, uri string)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { test(t, "jdbc:sqlite:"+filepath.Join(t.TempDir(), "dir", "tpush.db")) })
	for _, name := range []string{"mysql", "postgresql"} {
		t.Run(name, func(t *testing.T) { test(t, emptyDatabase(t, name)) })
	}
}

// emptyDatabase makes a database beside the one that the engine's variable
// names, for one test.
func emptyDatabase(t testing.TB, name string) string {
	t.Helper()
	uri := os.Getenv(servers[name])
	if uri == "" && os.Getenv("TPUSH_INTEGRATION") != "" {
		t.Fatal(servers[name] + " names no database (scripts/test starts one)")
	}
	if uri == "" {
		t.Skip(servers[name] + " names no database: run scripts/test for the integration tests")
	}
	ds, err := Open("default", config(uri), "", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	own := fmt.Sprintf("%s_%d", ds.loc.database, time.Now().UnixNano())
	t.Cleanup(func() {
		defer ds.Close()
		if err := ds.writing().exec(context.Background(), "DROP DATABASE "+own); err != nil {
			t.Error(err)
		}
	})
	if err := ds.writing().exec(t.Context(), "CREATE DATABASE "+own); err != nil {
		t.Fatal(err)
	}
	return strings.Replace(uri, "/"+ds.loc.database+"?", "/"+own+"?", 1)
}

func config(uri string) Config {
	cfg := Defaults()
	cfg.URI = uri
	return cfg
}

// openSource opens a data source and closes it after the test.
func openSource(t testing.TB, uri string) *DataSource {
	t.Helper()
	ds, err := Open("default", config(uri), t.TempDir(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ds.Use(UserTables | DeviceTables)
	t.Cleanup(func() {
		if err := ds.Close(); err != nil {
			t.Error(err)
		}
	})
	return ds
}

// openDevices opens the devices of a database as two commands do: schema
// install, then run.
func openDevices(t testing.TB, uri string) *Devices {
	t.Helper()
	ds := openSource(t, uri)
	d := NewDevices(ds, slog.New(slog.DiscardHandler))
	t.Cleanup(func() { d.Close() })
	if _, err := ds.InstallSchema(context.Background()); err != nil {
		t.Fatal(err)
	}
	if err := ds.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	return d
}

// engines runs a test of the devices on an empty database of each engine; open
// is a program's start.
func engines(t *testing.T, test func(t *testing.T, open func() *Devices)) {
	t.Helper()
	databases(t, func(t *testing.T, uri string) {
		test(t, func() *Devices { return openDevices(t, uri) })
	})
}
