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
		{Time: time.Unix(0, 2).UTC(), Account: "ala@example.com", PushID: "projects/app/messages/0:1"},
		{Time: time.Unix(0, 3).UTC(), Account: "ala@example.com", PushID: "projects/app/messages/0:1", Content: "call"},
		{Time: time.Unix(0, 4).UTC(), Account: "ala@example.com", PushID: "388E264C-87d7-4fa3-a439-200787277e39", Content: "call"},
		{Time: time.Unix(0, 5).UTC(), Account: "ala@example.com", PushID: "388e264c-87d7-4fa3-a439_200787277e39"},
		{Time: time.Unix(0, 6).UTC(), Account: "ala@example.com", PushID: newUUID()},
	}
	var r record
	for i := range want {
		r.add(&want[i])
	}
	if got := entries(r.bytes); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}
