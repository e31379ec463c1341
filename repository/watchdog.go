package repository

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"time"
)

// recovery is the time between two looks while the database is away.
const recovery = 10 * time.Second

// Run looks from time to time whether the database is there, and says when it
// is not and when it is again. Queries recover by themselves.
func (ds *DataSource) Run(ctx context.Context) error {
	if ds.watchdog <= 0 || ds.needs == 0 || ds.engine == sqliteEngine {
		return nil
	}
	away := false
	for {
		wait := ds.watchdog
		if away {
			wait = min(wait, recovery)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
		limited, cancel := context.WithTimeout(ctx, ds.queryTime())
		err := ds.read.PingContext(limited)
		cancel()
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil && !away:
			ds.log.Warn("the database does not answer", "err", ds.explain(err))
		case err == nil && away:
			ds.log.Info("the database answers again", "database", ds.String())
		}
		away = err != nil
	}
}

var isoPeriod = regexp.MustCompile(`^P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?$`)

// period reads a duration of ISO 8601 up to days, such as PT15M.
func period(text string) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	m := isoPeriod.FindStringSubmatch(text)
	if m == nil || text == "P" || text[len(text)-1] == 'T' {
		return 0, fmt.Errorf("%q: it reads PT1H, PT15M or PT0S", text)
	}
	var d time.Duration
	for i, unit := range []time.Duration{24 * time.Hour, time.Hour, time.Minute, time.Second} {
		if m[i+1] == "" {
			continue
		}
		n, err := strconv.Atoi(m[i+1])
		if err != nil || n > 1_000_000 {
			return 0, fmt.Errorf("%q is too long", text)
		}
		d += time.Duration(n) * unit
	}
	return d, nil
}
