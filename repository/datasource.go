// Package repository keeps what lasts: the data sources of a configuration and
// the devices that are registered, in Tigase's database or in an embedded one.
//
// It knows nothing of XMPP, push services or configuration files.
package repository

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
	_ "modernc.org/sqlite" // the driver "sqlite"
)

// Config is what a data source bean reads.
type Config struct {
	// URI is the JDBC URI.
	URI string `tdsl:"uri,alias=repo-uri,secret"`
	// PoolSize is the number of connections to a database server; 0: Tigase's
	// own, four for each CPU and at least ten.
	PoolSize int `tdsl:"pool-size,alias=pool-size"`
	// Schema creates tables that are missing.
	Schema bool `tdsl:"schema-management,alias=schema-management"`
}

// Defaults are the values of properties that a configuration leaves out.
func Defaults() Config { return Config{URI: "jdbc:sqlite:data/tpush.db", Schema: true} }

// DataSource is one database.
type DataSource struct {
	name   string
	loc    *location
	read   *sql.DB
	write  *sql.DB // SQLite has one writer at a time; elsewhere the same as read
	schema bool
	log    *slog.Logger
}

// Open prepares a data source and dials nothing. A relative file name is below
// home.
func Open(name string, cfg Config, home string, l *slog.Logger) (*DataSource, error) {
	loc, err := parseURI(cfg.URI)
	if err != nil {
		return nil, fmt.Errorf("uri: %w", err)
	}
	for _, p := range loc.ignored {
		l.Warn("parameter of the JDBC URI has no meaning here", "parameter", p)
	}
	ds := &DataSource{name: name, loc: loc, schema: cfg.Schema, log: l}
	if loc.engine == sqliteEngine {
		return ds, ds.openSQLite(home)
	}
	return ds, ds.openMySQL(cfg.PoolSize)
}

// readers is the number of reading connections to an embedded database.
const readers = 4

func (ds *DataSource) openSQLite(home string) (err error) {
	if !filepath.IsAbs(ds.loc.file) {
		ds.loc.file = filepath.Join(home, ds.loc.file)
	}
	dsn := "file:" + strings.NewReplacer("%", "%25", "#", "%23", "?", "%3f").Replace(ds.loc.file) +
		"?_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_pragma=synchronous(NORMAL)&_pragma=foreign_keys(1)"
	if ds.read, err = sql.Open("sqlite", dsn); err != nil {
		return fmt.Errorf("open database: %w", err)
	}
	if ds.write, err = sql.Open("sqlite", dsn+"&_txlock=immediate"); err != nil {
		return fmt.Errorf("open database: %w", err)
	}
	ds.read.SetMaxOpenConns(readers)
	ds.read.SetMaxIdleConns(readers)
	ds.write.SetMaxOpenConns(1)
	return nil
}

func (ds *DataSource) openMySQL(pool int) error {
	hosts := ds.loc.hosts
	ds.loc.mysql.DialFunc = func(ctx context.Context, network, _ string) (conn net.Conn, err error) {
		d := net.Dialer{Timeout: ds.loc.mysql.Timeout, KeepAlive: 30 * time.Second}
		for _, host := range hosts {
			if conn, err = d.DialContext(ctx, network, host); err == nil {
				return conn, nil
			}
		}
		return nil, err
	}
	connector, err := mysql.NewConnector(ds.loc.mysql)
	if err != nil {
		return fmt.Errorf("uri: %w", err)
	}
	if pool <= 0 {
		pool = max(10, 4*runtime.NumCPU())
	}
	ds.read = sql.OpenDB(connector)
	ds.read.SetMaxOpenConns(pool)
	// A statement is prepared once for each connection: they are to last.
	ds.read.SetMaxIdleConns(pool)
	ds.read.SetConnMaxLifetime(4 * time.Minute)
	ds.write = ds.read
	return nil
}

// Start connects for the first time and creates the tables that are missing,
// unless the configuration forbids it. The error says what to look at.
func (ds *DataSource) Start(ctx context.Context) error {
	if ds.loc.engine == sqliteEngine {
		if err := os.MkdirAll(filepath.Dir(ds.loc.file), 0o750); err != nil {
			return fmt.Errorf("uri: create the database's folder: %w", err)
		}
		// SQLite would let everyone read a new file, which holds device tokens.
		f, err := os.OpenFile(ds.loc.file, os.O_CREATE|os.O_RDWR, 0o600)
		if err != nil {
			return fmt.Errorf("uri: open the database: %w", err)
		}
		f.Close()
	}
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	if err := ds.write.PingContext(ctx); err != nil {
		return ds.explain(err)
	}
	if err := ds.installSchema(ctx); err != nil {
		return ds.explain(err)
	}
	return nil
}

// Close closes all connections.
func (ds *DataSource) Close() error {
	err := ds.read.Close()
	if ds.write != ds.read {
		err = errors.Join(err, ds.write.Close())
	}
	return err
}

// explain adds to an error what an admin can look at; never the password.
func (ds *DataSource) explain(err error) error {
	if ds.loc.engine == sqliteEngine {
		return fmt.Errorf("uri: database %s: %w", ds.loc.file, err)
	}
	at := fmt.Sprintf("database '%s' at %s", ds.loc.mysql.DBName, strings.Join(ds.loc.hosts, ", "))
	var answer *mysql.MySQLError
	var dns *net.DNSError
	var op *net.OpError
	advice := ""
	switch {
	case errors.As(err, &answer) && answer.Number == 1045:
		advice = ": look at user and password in 'uri'"
	case errors.As(err, &answer) && (answer.Number == 1049 || answer.Number == 1044):
		advice = ": look at the name of the database in 'uri', and at the user's rights"
	case errors.As(err, &dns):
		advice = ": the name of the host in 'uri' is not known"
	case errors.As(err, &op):
		advice = ": look at host and port in 'uri', and whether the database server runs"
	}
	return fmt.Errorf("%s: %w%s", at, err, advice)
}
