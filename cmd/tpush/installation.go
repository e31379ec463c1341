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

// devices opens the devices of the default user repository, process or no
// process. The caller closes the data source. The error is an exit code where
// all is said.
func (s *source) devices(ctx context.Context, w io.Writer) (*repository.DataSource, *repository.Devices, error) {
	ds, err := s.database(ctx, w)
	if err != nil {
		return nil, nil, err
	}
	if err := ds.Start(ctx); err != nil {
		return nil, nil, errors.Join(err, ds.Close())
	}
	return ds, repository.NewDevices(ds, slog.New(slog.DiscardHandler)), nil
}

// component builds the beans of a configuration, starts the databases and picks
// a push component: the only one, or the one of that name. The caller closes
// the graph.
func (s *source) component(ctx context.Context, w io.Writer, name string) (*beans.Graph, *pushBean, error) {
	file, err := s.load(w)
	if err != nil {
		return nil, nil, err
	}
	g, err := beans.Build(ctx, file, s.environment(file), classes(s.Home), slog.New(slog.DiscardHandler))
	if err != nil {
		printFailure(w, err)
		return nil, nil, exit(exitConfig)
	}
	for _, ds := range beans.Built[*repository.DataSource](g) {
		if err := ds.Start(ctx); err != nil {
			return nil, nil, errors.Join(err, g.Close())
		}
	}
	var found []*pushBean
	var names []string
	for _, p := range beans.Built[*pushBean](g) {
		if name == "" || p.name == name {
			found = append(found, p)
		}
		names = append(names, p.name)
	}
	if len(found) != 1 {
		fmt.Fprintf(w, "tpush: the push components are: %s: choose one with --push NAME\n", strings.Join(names, ", "))
		return nil, nil, errors.Join(exit(exitConfig), g.Close())
	}
	return g, found[0], nil
}
