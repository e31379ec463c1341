package beans

import (
	"context"
	"sync"
)

// Runner is a bean that works on its own: it runs until ctx ends, or until it
// fails.
type Runner interface {
	Run(ctx context.Context) error
}

// Starter is a bean that has to get ready before anything runs.
type Starter interface {
	Start(ctx context.Context) error
}

// start starts the beans that are a [Starter], in the order of building.
func (g *Graph) start(ctx context.Context) error {
	for _, b := range g.order {
		if s, ok := b.built.(Starter); ok {
			if err := s.Start(ctx); err != nil {
				return &Error{Bean: b.Path(), Pos: b.Pos, Err: err}
			}
		}
	}
	return nil
}

// Run starts all beans that are a [Starter], calls Started, then runs all beans
// that are a [Runner] until ctx ends or one of them fails, and waits for all of
// them. The error, an [*Error], is that of the first that failed.
func (g *Graph) Run(ctx context.Context) error {
	if err := g.start(ctx); err != nil {
		return err
	}
	if g.Started != nil {
		g.Started()
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var all sync.WaitGroup
	var once sync.Once
	var failed error
	for _, b := range g.order {
		r, ok := b.built.(Runner)
		if !ok {
			continue
		}
		all.Go(func() {
			if err := r.Run(ctx); err != nil && ctx.Err() == nil {
				once.Do(func() { failed = &Error{Bean: b.Path(), Pos: b.Pos, Err: err} })
				cancel()
			}
		})
	}
	<-ctx.Done()
	all.Wait()
	return failed
}

// Built returns the beans that are a T, in the order of building.
func Built[T any](g *Graph) (out []T) {
	for _, b := range g.order {
		if t, ok := b.built.(T); ok {
			out = append(out, t)
		}
	}
	return out
}
