package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/tpush/tpush/beans"
	"github.com/tpush/tpush/repository"
)

// schemaCommand works on the tables of the default user repository, as Tigase's
// install-schema and upgrade-schema do.
type schemaCommand struct {
	Install schemaInstall `cmd:"" help:"Create the tables and routines that are missing; nothing that is there is changed."`
	Upgrade schemaInstall `cmd:"" help:"The same: bring what an older version has set up up to date."`
	Check   schemaCheck   `cmd:"" help:"Say what is missing; changes nothing."`
}

// schemaInstall creates what is missing.
type schemaInstall struct {
	source
	Print bool `help:"Only print the SQL that would be run; without a connection, all of it."`
}

// schemaCheck says what is missing.
type schemaCheck struct {
	source
	Print bool `help:"Print the SQL of what is missing."`
}

// database opens the data source of the default user repository. The error is
// an exit code where all is said.
func (s *source) database(ctx context.Context, w io.Writer) (*repository.DataSource, error) {
	file, err := s.load(w)
	if err != nil {
		return nil, err
	}
	quiet := slog.New(slog.DiscardHandler)
	// What is wrong with other beans does not matter here.
	g, _ := beans.Build(ctx, file, s.environment(file), classes(s.Home), quiet)
	defer g.Close()
	store := descendant(g.Root, "userRepository", defaultStore)
	if store == nil || len(store.Needs) == 0 {
		fmt.Fprintf(w, "tpush: %s has no user repository '%s' with a data source\n", s.name(), defaultStore)
		return nil, exit(exitConfig)
	}
	b := store.Needs[0]
	cfg, ok := b.Config().(repository.Config)
	if !ok || b.State != beans.Active {
		printFailure(w, &beans.Error{Bean: b.Path(), Pos: b.Pos, Err: errors.Join(b.Reason, errors.New(string(b.State)))})
		return nil, exit(exitConfig)
	}
	ds, err := repository.Open(b.Name, cfg, s.Home, quiet)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", b.Path(), err)
	}
	ds.Use(repository.UserTables | repository.DeviceTables)
	return ds, nil
}

// descendant finds a bean by the names on the way to it.
func descendant(b *beans.Bean, names ...string) *beans.Bean {
	for _, child := range b.Children {
		if child.Name != names[0] {
			continue
		}
		if len(names) == 1 {
			return child
		}
		return descendant(child, names[1:]...)
	}
	return nil
}

// Run implements the command.
func (c *schemaInstall) Run(ctx context.Context, io streams) error {
	ds, err := c.database(ctx, io.err)
	if err != nil {
		return err
	}
	defer ds.Close()
	if c.Print {
		return printSchema(ctx, io, ds)
	}
	created, err := ds.InstallSchema(ctx)
	for _, what := range created {
		fmt.Fprintf(io.out, "created %s\n", what)
	}
	if err != nil {
		return fmt.Errorf("schema: %w", err)
	}
	if len(created) == 0 {
		fmt.Fprintf(io.out, "%s: all tables are there\n", ds)
	}
	return nil
}

// printSchema prints the SQL of what is missing, and of everything when the
// database cannot be asked.
func printSchema(ctx context.Context, io streams, ds *repository.DataSource) error {
	state, err := ds.CheckSchema(ctx)
	if errors.Is(err, repository.ErrNewerSchema) {
		return fmt.Errorf("schema: %w", err)
	}
	if err != nil {
		fmt.Fprintf(io.err, "tpush: this is the whole schema, because the database cannot be asked what it lacks: %v\n", err)
	}
	_, err = fmt.Fprint(io.out, ds.SchemaSQL(state.Missing, err == nil))
	return err
}

// Run implements the command.
func (c *schemaCheck) Run(ctx context.Context, io streams) error {
	ds, err := c.database(ctx, io.err)
	if err != nil {
		return err
	}
	defer ds.Close()
	if c.Print {
		return printSchema(ctx, io, ds)
	}
	state, err := ds.CheckSchema(ctx)
	if err != nil {
		return fmt.Errorf("schema: %w", err)
	}
	if len(state.Missing) > 0 {
		cure := "Run tpush schema install."
		if state.ByHand {
			cure = "schema-management is false: let somebody run the SQL that tpush schema install --print shows."
		}
		fmt.Fprintf(io.out, "%s lacks: %s\n%s\n", ds, strings.Join(state.Missing, ", "), cure)
		return exit(exitFailed)
	}
	fmt.Fprintf(io.out, "%s: all tables are there\n", ds)
	return nil
}
