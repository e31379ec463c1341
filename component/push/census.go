package push

import (
	"context"
	"sync"
	"time"

	"github.com/tpush/tpush/repository"
)

// censusRest is how many times longer than a count took its result stands: to
// count millions of devices is work, and whoever looks at a status page must not
// be a burden on the database.
const censusRest = 100

// census counts the devices by service and provider, rarely.
type census struct {
	devices Devices

	mu    sync.Mutex
	until time.Time // when it is to be taken again
	last  []repository.Count
}

// counts returns the numbers of the last count, or of a new one.
func (c *census) counts(ctx context.Context) ([]repository.Count, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	began := time.Now()
	if began.Before(c.until) {
		return c.last, nil
	}
	all, err := c.devices.Counts(ctx)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	c.last, c.until = all, now.Add(censusRest*now.Sub(began))
	return all, nil
}
