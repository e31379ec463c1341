package push

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/tpush/tpush/repository"
)

// TestRecord reads entries back as they were.
func TestRecord(t *testing.T) {
	want := []Entry{
		{Time: time.Date(2026, 3, 1, 12, 0, 0, 123456789, time.UTC), Service: "push.example.com", Account: "ala@example.com", Device: "apns/0badcafe",
			Content: "message", PushID: newUUID(), Accepted: true, Took: 3 * time.Millisecond},
		{Time: time.Unix(0, 1).UTC(), Kind: "gone", Status: 410, Reason: "Unregistered", Text: strings.Repeat("żółw ", 80), Second: true, Sandbox: true, Removed: repository.ReasonGone},
		{Time: time.Unix(0, 0).UTC(), Sandbox: true},
	}
	var r record
	for i := range want {
		r = r.add(&want[i])
	}
	if got := r.entries(); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}
