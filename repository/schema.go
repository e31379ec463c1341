package repository

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	// schemaID is our row in tig_schema_versions; never one of Tigase's, whose
	// start checks look at theirs.
	schemaID      = "push-go"
	schemaVersion = 1
)

// ErrNoSchema means that tables or routines are missing. The error says what to
// run.
var ErrNoSchema = errors.New("the database lacks")

// ErrNewerSchema means that a newer program has set up the tables.
var ErrNewerSchema = errors.New("the tables belong to a newer tpush")

// SchemaState is what a look at the database finds.
type SchemaState struct {
	Version int      // of our tables; 0: not set up by tpush
	Missing []string // tables and routines, such as "table tig_push_devices"
	Present []string
	ByHand  bool // schema-management is false: nothing is created here
}

// CheckSchema looks whether all is there that the data source is used for, by
// the tables and routines themselves: a version row says what was to be
// loaded, not what was. The error wraps [ErrNewerSchema] where it applies.
func (ds *DataSource) CheckSchema(ctx context.Context) (state SchemaState, err error) {
	state.ByHand = !ds.cfg.Schema
	if _, err := os.Stat(ds.loc.file); ds.engine == sqliteEngine && errors.Is(err, fs.ErrNotExist) {
		for _, o := range ds.objects(ds.needs) {
			state.Missing = append(state.Missing, o.String())
		}
		return state, nil // a look creates no file
	}
	if err := ds.connect(ctx); err != nil {
		return state, ds.explain(err)
	}
	missing, present, err := ds.compare(ctx, ds.reading())
	if err != nil {
		return state, fmt.Errorf("look for tables: %w", ds.explain(err))
	}
	for _, o := range missing {
		state.Missing = append(state.Missing, o.String())
	}
	for _, o := range present {
		state.Present = append(state.Present, o.String())
	}
	state.Version, err = ds.version(ctx, ds.reading(), present)
	return state, ds.explain(err)
}

// compare divides what is needed into what is missing and what is there.
func (ds *DataSource) compare(ctx context.Context, s session) (missing, present []object, err error) {
	there := map[string]bool{}
	for _, query := range catalog[ds.engine] {
		names, err := s.names(ctx, query)
		if err != nil {
			return nil, nil, err
		}
		for _, n := range names {
			there[n] = true
		}
	}
	for _, o := range ds.objects(ds.needs) {
		if there[o.key()] {
			present = append(present, o)
		} else {
			missing = append(missing, o)
		}
	}
	return missing, present, nil
}

// catalog lists tables and routines as objects are named.
var catalog = map[engine][]string{
	sqliteEngine: {"SELECT 'table ' || lower(name) FROM sqlite_schema WHERE type IN ('table', 'view')"},
	mysqlEngine: {
		"SELECT concat('table ', lower(table_name)) FROM information_schema.tables WHERE table_schema = database()",
		"SELECT concat('routine ', lower(routine_name)) FROM information_schema.routines WHERE routine_schema = database()",
	},
	postgresEngine: {
		"SELECT 'table ' || table_name FROM information_schema.tables WHERE table_schema = current_schema()",
		"SELECT 'routine ' || proname FROM pg_proc WHERE pronamespace = current_schema()::regnamespace",
	},
}

func (s session) names(ctx context.Context, query string, args ...any) ([]string, error) {
	rows, err := s.rows(ctx, query, args...)
	return collect(rows, err, text)
}

// version reads our row.
func (ds *DataSource) version(ctx context.Context, s session, present []object) (int, error) {
	for _, o := range present {
		if o.name != "tig_schema_versions" {
			continue
		}
		var found string
		err := s.row(ctx, "SELECT version FROM tig_schema_versions WHERE component = ?", schemaID).Scan(&found)
		if errors.Is(err, sql.ErrNoRows) {
			return 0, nil
		}
		if err != nil {
			return 0, fmt.Errorf("read schema version: %w", err)
		}
		n, err := strconv.Atoi(found)
		if err != nil || n > schemaVersion {
			return n, fmt.Errorf("%w: version %s, this one knows %d: use the newer program", ErrNewerSchema, found, schemaVersion)
		}
		return n, nil
	}
	return 0, nil
}

// incomplete is the error of a data source that lacks something.
func (ds *DataSource) incomplete(missing []string) error {
	what := strings.Join(missing, ", ")
	if !ds.cfg.Schema {
		return fmt.Errorf("%w: %s, and schema-management is false: let somebody run the SQL that 'tpush schema install --print' shows", ErrNoSchema, what)
	}
	return fmt.Errorf("%w: %s: run 'tpush schema install' with this configuration", ErrNoSchema, what)
}

// SchemaSQL is the text that creates what is missing, for the database's own
// command-line program; without a connection, all of it.
func (ds *DataSource) SchemaSQL(missing []string, connected bool) string {
	var b strings.Builder
	if connected && len(missing) == 0 {
		return "-- nothing is missing\n"
	}
	for _, o := range ds.objects(ds.needs) {
		if connected && !slices.Contains(missing, o.String()) {
			continue
		}
		end := ";"
		if o.kind == "routine" && ds.engine == mysqlEngine {
			b.WriteString("delimiter //\n")
			end = "//\ndelimiter ;"
		}
		for _, s := range o.sql {
			b.WriteString(s + end + "\n")
		}
		b.WriteString("\n")
	}
	return b.String()
}

// InstallSchema creates what is missing and writes our version row, under the
// lock that Tigase's own schema tool takes. Nothing that is there is changed.
// It returns what it created.
func (ds *DataSource) InstallSchema(ctx context.Context) (created []string, err error) {
	if !ds.cfg.Schema {
		return nil, errors.New("schema-management is false for this data source: set it to true, or let somebody run the SQL that 'tpush schema install --print' shows")
	}
	if err := ds.connect(ctx); err != nil {
		return nil, ds.explain(err)
	}
	c, err := ds.write.Conn(ctx)
	if err != nil {
		return nil, ds.explain(err)
	}
	defer c.Close()
	s := session{c, ds.dialect}
	missing, present, err := ds.compare(ctx, s)
	if err == nil {
		version, versionErr := ds.version(ctx, s, present)
		if versionErr != nil || len(missing) == 0 && version == schemaVersion {
			return nil, ds.explain(versionErr)
		}
		err = ds.locked(ctx, s, func() error {
			created, err = ds.create(ctx, s)
			return err
		})
	}
	if err != nil {
		return created, fmt.Errorf("create tables: %w", ds.explain(err))
	}
	ds.log.Info("schema installed", "created", strings.Join(created, ", "))
	return created, nil
}

// create does the work of InstallSchema; what is missing is looked for again,
// because another process may have held the lock.
func (ds *DataSource) create(ctx context.Context, s session) (created []string, err error) {
	missing, _, err := ds.compare(ctx, s)
	if err != nil {
		return nil, err
	}
	for _, o := range missing {
		for _, statement := range o.sql {
			// MySQL's lock is one node's: another of a Galera cluster may have
			// created it just now.
			if _, err := s.ExecContext(ctx, statement); err != nil && !there(err) {
				return created, fmt.Errorf("%s: %w", o, err)
			}
		}
		created = append(created, o.String())
	}
	when := map[engine]string{sqliteEngine: "unixepoch()"}[ds.engine]
	if when == "" {
		when = "CURRENT_TIMESTAMP"
	}
	return created, s.exec(ctx, "INSERT INTO tig_schema_versions (component, version, last_update) VALUES (?, ?, "+when+")"+
		ds.upsert([]string{"component"}, "version", "last_update"), schemaID, strconv.Itoa(schemaVersion))
}

// locked holds the lock of Tigase's schema tool (SchemaManager) meanwhile:
// GET_LOCK('tigase') on MySQL, advisory lock 873850688 on PostgreSQL. On SQLite
// and PostgreSQL all is one transaction.
func (ds *DataSource) locked(ctx context.Context, s session, do func() error) (err error) {
	if ds.engine == mysqlEngine {
		if err := ds.await(ctx, s, "SELECT GET_LOCK('tigase', 1) = 1"); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, s.exec(context.WithoutCancel(ctx), "DO RELEASE_LOCK('tigase')")) }()
		return do()
	}
	begin := "BEGIN"
	if ds.engine == sqliteEngine {
		begin = "BEGIN IMMEDIATE"
	}
	if err := s.exec(ctx, begin); err != nil {
		return err
	}
	if ds.engine == postgresEngine {
		// The lock ends with the transaction.
		err = ds.await(ctx, s, "SELECT pg_try_advisory_xact_lock(873850688)")
	}
	if err == nil {
		err = do()
	}
	if err == nil {
		return s.exec(ctx, "COMMIT")
	}
	return errors.Join(err, s.exec(context.WithoutCancel(ctx), "ROLLBACK"))
}

// lockTime is how long the lock is waited for.
const lockTime = 15 * time.Second

// await asks for a lock until it is ours.
func (ds *DataSource) await(ctx context.Context, s session, query string) error {
	limited, cancel := context.WithTimeout(ctx, lockTime)
	defer cancel()
	for {
		var got sql.NullBool
		if err := s.row(limited, query).Scan(&got); err != nil && limited.Err() == nil {
			return err
		}
		if got.Bool {
			return nil
		}
		select {
		case <-limited.Done():
			return fmt.Errorf("another process has held Tigase's schema lock for %v: is a schema being loaded?", lockTime)
		case <-time.After(200 * time.Millisecond):
		}
	}
}
