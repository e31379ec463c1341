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

// started builds the beans of a configuration and starts the databases. The
// caller closes the graph.
func (s *source) started(ctx context.Context, w io.Writer) (*beans.Graph, error) {
	file, err := s.load(w)
	if err != nil {
		return nil, err
	}
	g, err := beans.Build(ctx, file, s.environment(file), classes(s.Home), slog.New(slog.DiscardHandler))
	if err != nil {
		printFailure(w, err)
		return nil, exit(exitConfig)
	}
	for _, ds := range beans.Built[*repository.DataSource](g) {
		if err := ds.Start(ctx); err != nil {
			return nil, errors.Join(err, g.Close())
		}
	}
	return g, nil
}

// component is started with the push component of that name; without a name,
// the only one.
func (s *source) component(ctx context.Context, w io.Writer, name string) (*beans.Graph, *pushBean, error) {
	g, err := s.started(ctx, w)
	if err != nil {
		return nil, nil, err
	}
	var found []*pushBean
	var all []string
	for _, p := range beans.Built[*pushBean](g) {
		if name == "" || p.name == name {
			found = append(found, p)
		}
		all = append(all, p.name)
	}
	if len(found) != 1 {
		fmt.Fprintf(w, "tpush: the push components are: %s: choose one with --push NAME\n", strings.Join(all, ", "))
		return nil, nil, errors.Join(exit(exitConfig), g.Close())
	}
	return g, found[0], nil
}
