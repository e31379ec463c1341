package ext

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tpush/tpush/component/xmpp"
)

// maxIdle is how many goroutines wait for the next request. Their stacks have
// grown already, which costs a new goroutine as much as a push's JSON does.
const maxIdle = 256

// job is a request to be answered, when and where it came from.
type job struct {
	link *link
	work context.Context // ends when nobody waits for any answer any more
	ctx  context.Context // ends when the handler is to be done, too
	came time.Time
	from *conn
	q    *xmpp.IQ
}

// shift hands out the contexts that bound the work on requests. Those that come
// within a second share one: one for each costs as much as reading the stanza.
type shift struct {
	work  context.Context
	ctx   context.Context
	until time.Time // when the next begins
}

// at returns the context of a request that came at a time: it ends workTime after
// that, or up to a second sooner.
func (s *shift) at(came time.Time) context.Context {
	if !came.Before(s.until) {
		ctx, cancel := context.WithDeadline(s.work, came.Add(workTime))
		context.AfterFunc(ctx, cancel) // nobody ends it before its time
		s.ctx, s.until = ctx, came.Add(time.Second)
	}
	return s.ctx
}

// workers are the goroutines that handle a link's requests: one that waits, else
// a new one. Slots bound their number.
type workers struct {
	handle func(*job)
	jobs   chan job
	idle   atomic.Int32
	under  sync.WaitGroup // jobs, those that wait too
	all    sync.WaitGroup // goroutines
}

func newWorkers(handle func(*job)) *workers { return &workers{handle: handle, jobs: make(chan job)} }

// do has a job done, which was added to those under way.
func (w *workers) do(j job) {
	select {
	case w.jobs <- j:
	default:
		first := j // only here it is memory of its own
		w.all.Go(func() { w.work(&first) })
	}
}

func (w *workers) work(j *job) {
	for more := true; more; {
		w.handle(j)
		*j = job{} // nothing is kept while it waits
		w.under.Done()
		if w.idle.Add(1) <= maxIdle {
			*j, more = <-w.jobs
		} else {
			more = false
		}
		w.idle.Add(-1)
	}
}

// wait waits until the jobs are done; there come no more.
func (w *workers) wait() { w.under.Wait() }

// end ends the goroutines and waits for them. It is called once, after wait.
func (w *workers) end() {
	close(w.jobs)
	w.all.Wait()
}
