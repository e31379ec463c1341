// Package repository keeps what lasts: the data sources of a configuration,
// Tigase's user repository and the devices that are registered, in Tigase's
// database or in an embedded one.
//
// It knows nothing of XMPP, push services or configuration files.
package repository

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/stdlib"
)

// Config is what a data source bean reads.
type Config struct {
	// URI is the JDBC URI.
	URI string `tdsl:"uri,alias=repo-uri,secret"`
	// PoolSize is the number of connections to a database server; 0: Tigase's
	// own, four for each CPU and at least ten.
	PoolSize int `tdsl:"pool-size,alias=pool-size"`
	// Schema allows tables that are missing to be created, at the start and by
	// tpush schema install.
	Schema bool `tdsl:"schema-management,alias=schema-management"`
	// Watchdog is the time between two looks at whether the database is there,
	// as ISO 8601 has it (PT1H); PT0S: none.
	Watchdog string `tdsl:"watchdog-frequency,alias=watchdog-frequency"`
	// ConnectTime is how long connecting may take, in seconds; 0: Tigase's own, 15.
	ConnectTime int `tdsl:"db-conn-timeout,alias=db-conn-timeout"`
	// QueryTime is how long the server may take for an answer, in seconds; 0: Tigase's own, 10.
	QueryTime int `tdsl:"sql-query-timeout,alias=sql-query-timeout"`
}

// Defaults are the values of properties that a configuration leaves out.
func Defaults() Config {
	return Config{URI: "jdbc:sqlite:data/tpush.db", Schema: true, Watchdog: "PT1H", ConnectTime: 15, QueryTime: 10}
}

// DataSource is one database.
type DataSource struct {
	*dialect
	name     string
	loc      *location
	read     *sql.DB
	write    *sql.DB // SQLite has one writer at a time; elsewhere the same as read
	cfg      Config
	watchdog time.Duration
	places   chan struct{} // one for each connection
	changes  atomic.Uint64 // made through it
	alone    atomic.Bool   // it is known to be no node of a Galera cluster
	needs    Part          // what it is used for, known before it starts
	layout   layout        // of the devices' table, known after it has started
	log      *slog.Logger
}

// Open prepares a data source and dials nothing. A relative file name is below
// home.
func Open(name string, cfg Config, home string, l *slog.Logger) (*DataSource, error) {
	loc, err := parseURI(cfg.URI)
	if err != nil {
		return nil, fmt.Errorf("uri: %w", err)
	}
	ds := &DataSource{dialect: &dialects[loc.engine], name: name, loc: loc, cfg: cfg, layout: ownLayout(), log: l}
	if ds.watchdog, err = period(cfg.Watchdog); err != nil {
		return nil, fmt.Errorf("watchdog-frequency: %w", err)
	}
	for _, p := range loc.ignored {
		l.Warn("parameter of the JDBC URI has no meaning here", "parameter", p)
	}
	switch loc.engine {
	case sqliteEngine:
		return ds, ds.openSQLite(home)
	case mysqlEngine:
		if loc.mysql.ReadTimeout == 0 {
			loc.mysql.ReadTimeout, loc.mysql.WriteTimeout = ds.queryTime(), ds.queryTime()
		}
		connector, err := newFailover(loc, cfg.ConnectTime)
		if err != nil {
			return nil, fmt.Errorf("uri: %w", err)
		}
		ds.read = sql.OpenDB(connector)
	case postgresEngine:
		limitReads(loc.postgres, ds.queryTime())
		if limit := time.Duration(cfg.ConnectTime) * time.Second; limit > 0 {
			loc.postgres.ConnectTimeout = min(loc.postgres.ConnectTimeout, limit)
		}
		options := []stdlib.OptionOpenDB{stdlib.OptionShouldPing(dead)}
		if loc.spread {
			options = append(options, stdlib.OptionBeforeConnect(stdlib.RandomizeHostOrderFunc))
		}
		ds.read = stdlib.OpenDB(*loc.postgres, options...)
	}
	ds.pool()
	return ds, nil
}

// Use says what is kept in the data source: Start looks after that. It is
// called before Start.
func (ds *DataSource) Use(parts Part) { ds.needs |= parts }

// The caches of the connections to an embedded database, in kB at most, and within
// what givePages gives all of them. The one of the look-ups holds the inner pages of
// a million devices.
const (
	cacheSize  = 1500
	smallCache = 500 // of all other questions
)

// readers is how many connections read an embedded database at a time: it works
// in this process.
func readers() int { return max(2, min(4, runtime.NumCPU())) }

func (ds *DataSource) openSQLite(home string) (err error) {
	givePages()
	if !filepath.IsAbs(ds.loc.file) {
		ds.loc.file = filepath.Join(home, ds.loc.file)
	}
	dsn := "file:" + strings.NewReplacer("%", "%25", "#", "%23", "?", "%3f").Replace(ds.loc.file) +
		"?_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_pragma=synchronous(NORMAL)&_pragma=foreign_keys(1)"
	cache := func(kB int) string { return "&_pragma=cache_size(-" + strconv.Itoa(kB) + ")" }
	if ds.read, err = sql.Open("sqlite", dsn+cache(smallCache)); err != nil {
		return fmt.Errorf("open database: %w", err)
	}
	if ds.write, err = sql.Open("sqlite", dsn+cache(cacheSize)+"&_txlock=immediate"); err != nil {
		return fmt.Errorf("open database: %w", err)
	}
	ds.read.SetMaxOpenConns(readers())
	ds.read.SetMaxIdleConns(readers())
	ds.write.SetMaxOpenConns(1)
	ds.places = make(chan struct{}, 256)
	return nil
}

// pool sets how many connections to a server there are and how long they last.
func (ds *DataSource) pool() {
	n := ds.cfg.PoolSize
	if n <= 0 {
		n = max(10, 4*runtime.NumCPU())
	}
	// Who lists all devices of an adopted table asks for each of them meanwhile.
	n = max(n, 2)
	ds.read.SetMaxOpenConns(n)
	// A statement is prepared once for each connection: they are to last.
	ds.read.SetMaxIdleConns(n)
	ds.read.SetConnMaxLifetime(4 * time.Minute)
	ds.write = ds.read
	ds.places = make(chan struct{}, n)
}

// startTime bounds the first connection and the look at the tables.
const startTime = 20 * time.Second

// Start connects for the first time and looks at the tables; in an embedded
// database it creates those that are missing. The error says what to do. A
// server that nothing is kept at is left alone.
func (ds *DataSource) Start(ctx context.Context) error {
	switch {
	case ds.needs == 0 && ds.engine == sqliteEngine:
		ds.needs = UserTables | DeviceTables
	case ds.needs == 0:
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	if err := ds.connect(ctx); err != nil {
		return ds.explain(err)
	}
	if ds.engine == sqliteEngine && ds.cfg.Schema {
		if _, err := ds.InstallSchema(ctx); err != nil {
			return err
		}
	}
	state, err := ds.CheckSchema(ctx)
	if err != nil {
		return err
	}
	if len(state.Missing) > 0 {
		return ds.incomplete(state.Missing)
	}
	if ds.needs&DeviceTables == 0 {
		return nil
	}
	ds.layout, err = ds.inspect(ctx)
	return err
}

// connect makes the first connection, and a SQLite file that only its owner
// reads.
func (ds *DataSource) connect(ctx context.Context) error {
	if ds.engine == sqliteEngine {
		if err := os.MkdirAll(filepath.Dir(ds.loc.file), 0o750); err != nil {
			return fmt.Errorf("uri: create the database's folder: %w", err)
		}
		f, err := os.OpenFile(ds.loc.file, os.O_CREATE|os.O_RDONLY, 0o600)
		if err != nil {
			return fmt.Errorf("uri: open the database: %w", err)
		}
		if err := f.Close(); err != nil {
			return fmt.Errorf("uri: open the database: %w", err)
		}
	}
	for began := time.Now(); ; {
		err := ds.read.PingContext(ctx)
		if err == nil && ds.write != ds.read {
			err = ds.write.PingContext(ctx)
		}
		if err == nil || ds.engine != sqliteEngine || !deadlock(err) || time.Since(began) > lockTime {
			return err
		}
		// Another process is about to set a new file up; the engine does not wait
		// for that.
		select {
		case <-ctx.Done():
			return err
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// Close closes all connections.
func (ds *DataSource) Close() error {
	err := ds.read.Close()
	if ds.write != ds.read {
		err = errors.Join(err, ds.write.Close())
	}
	return err
}

// String names the database without its password.
func (ds *DataSource) String() string {
	if ds.engine == sqliteEngine {
		return ds.loc.file
	}
	return fmt.Sprintf("%s '%s' at %s", ds.dialect.name, ds.loc.database, strings.Join(ds.loc.hosts, ", "))
}

func (ds *DataSource) reading() session { return session{ds.read, ds.dialect} }
func (ds *DataSource) writing() session { return session{ds.write, ds.dialect} }

// queryTime is how long the server may take for an answer.
func (ds *DataSource) queryTime() time.Duration {
	if ds.cfg.QueryTime <= 0 {
		return 10 * time.Second
	}
	return time.Duration(ds.cfg.QueryTime) * time.Second
}
