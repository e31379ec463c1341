package repository

import (
	"errors"
	"strings"
	"testing"
)

func TestParseItems(t *testing.T) {
	real := `<item pass="file-pass" type="connect" socket="plain" routings="fromfile.example.com,.*@fromfile.example.com,.*\.fromfile.example.com" proto-xmlns="accept" domain="fromfile.example.com" remote="example.com" port="5270" lb-class="tigase.server.ext.lb.ReceiverBareJidLB"/>`
	for text, want := range map[string][]ConnectionItem{
		"":   nil,
		real: {{Domain: "fromfile.example.com", Password: "file-pass", Connect: true, Port: 5270, Remote: "example.com", Protocol: "accept", Socket: "plain"}},
		`<?xml version='1.0'?> <item domain='a' pass='a&amp;b"c' type='listen' port='x'/>` + "\n" + `<item domain="b" pass="x<y"></item>`: {
			{Domain: "a", Password: `a&amp;b"c`, Port: 5277}, {Domain: "b", Password: "x<y"}},
	} {
		got, err := parseItems(text)
		if err != nil || len(got) != len(want) {
			t.Errorf("%s: %+v, %v", text, got, err)
			continue
		}
		for i := range want {
			if got[i] != want[i] {
				t.Errorf("%s: %+v, want %+v", text, got[i], want[i])
			}
		}
	}
	for _, text := range []string{"<vhost/>", "<item domain=a/>", `<item domain="a`, "<item", "text", "<?xml"} {
		if got, err := parseItems(text); err == nil {
			t.Errorf("%s: no error, %+v", text, got)
		}
	}
}

func FuzzParseItems(f *testing.F) {
	for _, s := range []string{"<item a='b'/>", `<item domain="x" port="1"><item>`, "<?x?>", "<item =''/>"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		items, err := parseItems(text)
		if err == nil && len(items) > strings.Count(text, "<item") {
			t.Errorf("%d items", len(items))
		}
	})
}

func TestConnectionItems(t *testing.T) {
	databases(t, func(t *testing.T, uri string) {
		u, ctx := openUsers(t, uri), t.Context()
		if _, found, err := ConnectionItems(ctx, u, ServerItems); found || err != nil {
			t.Errorf("without a list: %v, %v", found, err)
		}
		ok(t, u.SetData(ctx, itemsUser, "", ServerItems, ""))
		if items, found, err := ConnectionItems(ctx, u, ServerItems); !found || err != nil || len(items) != 0 {
			t.Errorf("an empty list: %v, %v, %v", items, found, err)
		}
		ok(t, u.SetData(ctx, itemsUser, "", ServerItems, "<item domain='push.example.com' pass='s' port='5270' type='accept'/>"))
		if items, found, err := ConnectionItems(ctx, u, ServerItems); !found || err != nil || len(items) != 1 || items[0].Domain != "push.example.com" || items[0].Connect {
			t.Errorf("a list: %v, %v, %v", items, found, err)
		}
		ok(t, u.SetData(ctx, itemsUser, "", ServerItems, "<broken"))
		if _, _, err := ConnectionItems(ctx, u, ServerItems); err == nil || errors.Is(err, ErrNotFound) {
			t.Errorf("a broken list: %v", err)
		}
	})
}
