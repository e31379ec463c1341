package repository

import (
	"context"
	"database/sql"
	"strconv"
	"strings"
)

// engine is a kind of database.
type engine uint8

const (
	sqliteEngine engine = iota
	mysqlEngine
	postgresEngine
)

// dialect is how an engine's SQL differs from that of the others. Queries are
// written with question marks.
type dialect struct {
	engine
	name      string
	now       string // the time in a column such as updated_at
	forUpdate string // locks the rows that a query reads
	columns   string // the columns of a table: name, type, length, collation, NOT NULL, has a default
}

var dialects = [...]dialect{
	{
		engine: sqliteEngine, name: "SQLite", now: "unixepoch()",
		columns: `SELECT name, lower(type), 0, '', "notnull", dflt_value IS NOT NULL OR (pk = 1 AND lower(type) = 'integer') FROM pragma_table_info(?)`,
	},
	{
		engine: mysqlEngine, name: "MySQL", now: "CURRENT_TIMESTAMP(6)", forUpdate: " FOR UPDATE",
		columns: `SELECT column_name, data_type, coalesce(character_maximum_length, 0), coalesce(collation_name, ''), is_nullable = 'NO',
			column_default IS NOT NULL OR extra LIKE '%auto_increment%' OR extra LIKE '%GENERATED%'
			FROM information_schema.columns WHERE table_schema = database() AND lower(table_name) = ?`,
	},
	{
		engine: postgresEngine, name: "PostgreSQL", now: "CURRENT_TIMESTAMP", forUpdate: " FOR UPDATE",
		columns: `SELECT column_name, data_type, coalesce(character_maximum_length, 0), '', is_nullable = 'NO',
			column_default IS NOT NULL OR is_identity = 'YES' OR is_generated <> 'NEVER'
			FROM information_schema.columns WHERE table_schema = current_schema() AND table_name = ?`,
	},
}

// bind gives the placeholders the form of the engine.
func (d *dialect) bind(query string) string {
	if d.engine != postgresEngine {
		return query
	}
	var b strings.Builder
	n := 0
	for part := range strings.SplitSeq(query, "?") {
		if n > 0 {
			b.WriteString("$" + strconv.Itoa(n))
		}
		b.WriteString(part)
		n++
	}
	return b.String()
}

// upsert is the end of an INSERT that, where the key is there already, sets
// columns to the values of the INSERT.
func (d *dialect) upsert(key []string, columns ...string) string {
	set := make([]string, len(columns))
	for i, c := range columns {
		if d.engine == mysqlEngine {
			set[i] = c + " = VALUES(" + c + ")" // the newer form is unknown to MariaDB
		} else {
			set[i] = c + " = excluded." + c
		}
	}
	if d.engine == mysqlEngine {
		return " ON DUPLICATE KEY UPDATE " + strings.Join(set, ", ")
	}
	return " ON CONFLICT (" + strings.Join(key, ", ") + ") DO UPDATE SET " + strings.Join(set, ", ")
}

// conn is a database, a connection or a transaction.
type conn interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// session runs queries of the common form on a connection.
type session struct {
	conn
	*dialect
}

func (s session) exec(ctx context.Context, query string, args ...any) error {
	_, err := s.ExecContext(ctx, s.bind(query), args...)
	return err
}

// changed is exec, and tells the number of rows that it applied to.
func (s session) changed(ctx context.Context, query string, args ...any) (int64, error) {
	res, err := s.ExecContext(ctx, s.bind(query), args...)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

func (s session) rows(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	return s.QueryContext(ctx, s.bind(query), args...)
}

func (s session) row(ctx context.Context, query string, args ...any) *sql.Row {
	return s.QueryRowContext(ctx, s.bind(query), args...)
}

// collect reads all rows of a query.
func collect[T any](rows *sql.Rows, err error, scan func(scanner) (T, error)) (out []T, _ error) {
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, rows.Err()
}

// scanner is a row or rows.
type scanner interface{ Scan(...any) error }

// text reads a row of one column.
func text(s scanner) (string, error) {
	var t sql.NullString
	err := s.Scan(&t)
	return t.String, err
}
