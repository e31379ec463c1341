package repository

import (
	"context"
	"database/sql"
)

// preparer is a connection or a transaction.
type preparer interface {
	conn
	PrepareContext(ctx context.Context, query string) (*sql.Stmt, error)
}

// prepared is a transaction that runs the same few queries over and over: each is
// prepared once. Its statements end with the transaction.
type prepared struct {
	preparer
	statements map[string]*sql.Stmt
}

func (p *prepared) statement(ctx context.Context, query string) (*sql.Stmt, error) {
	if s, ok := p.statements[query]; ok {
		return s, nil
	}
	s, err := p.PrepareContext(ctx, query)
	if err == nil {
		p.statements[query] = s
	}
	return s, err
}

// ExecContext implements conn.
func (p *prepared) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	s, err := p.statement(ctx, query)
	if err != nil {
		return nil, err
	}
	return s.ExecContext(ctx, args...)
}

// QueryRowContext implements conn.
func (p *prepared) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	s, err := p.statement(ctx, query)
	if err != nil {
		return p.preparer.QueryRowContext(ctx, query, args...) // the row has the error
	}
	return s.QueryRowContext(ctx, args...)
}
