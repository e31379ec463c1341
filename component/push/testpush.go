package push

import (
	"context"
	"fmt"

	"github.com/tpush/tpush/providers"
	"github.com/tpush/tpush/repository"
)

// TestResult is what a push service answered to a test notification.
type TestResult struct {
	Device string `json:"device"` // as [DeviceID]
	Entry  Entry  `json:"outcome"`
}

// String is the result in one line.
func (r *TestResult) String() string { return r.Device + ": " + r.Entry.line() }

// maxTests is how many devices a test notification goes to at a time.
const maxTests = 20

// SendTest pushes a text to one device of an account, by its [DeviceID], or for
// an empty id to all (the newest 20), and returns what the push service
// answered. What the answer means for a device is done, as for any other push.
// The error is [repository.ErrNotFound] when there is no such device.
func (s *Service) SendTest(ctx context.Context, service, account, id, text string) ([]TestResult, error) {
	ctx, cancel := context.WithTimeout(ctx, publishTime)
	defer cancel()
	all, err := s.ListDevices(ctx, service, account)
	if err != nil {
		return nil, err
	}
	var out []TestResult
	for i := len(all) - 1; i >= 0 && len(out) < maxTests; i-- {
		if d := all[i]; id == "" || DeviceID(d) == id {
			out = append(out, s.testOne(ctx, d, text))
		}
	}
	if out == nil {
		return nil, fmt.Errorf("device %s of %s: %w", abbreviate(id), account, repository.ErrNotFound)
	}
	return out, nil
}

func (s *Service) testOne(ctx context.Context, d repository.Device, text string) TestResult {
	n := &providers.Notification{Account: d.Account, Sender: d.Service, Body: text, Priority: providers.High}
	e, err := s.send(ctx, &d, n)
	e.Content = "test notification"
	// The outcome of the publish that this is none of does not matter.
	_ = s.settle(ctx, &d, e, "", err)
	s.journal.add(d.Provider, e)
	if e.Removed != "" {
		s.TellGone(ctx, d)
	}
	return TestResult{DeviceID(d), *e}
}
