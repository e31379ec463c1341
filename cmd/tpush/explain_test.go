package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tpush/tpush/component/push"
	"github.com/tpush/tpush/providers/apns/apnstest"
	"mellium.im/xmpp/stanza"
)

// explain runs tpush explain as its user would.
func (h *house) explain(args ...string) string {
	h.t.Helper()
	var out, errs bytes.Buffer
	args = append([]string{"explain", houseUser, filepath.Join(h.home, "config.tdsl"), "--home", h.home}, args...)
	if code := run(args, streams{&out, &errs}); code != exitGood {
		h.t.Errorf("exit code %d: %s", code, errs.String())
	}
	for _, secret := range []string{houseToken, houseSecond, "Pa$$w0rd", demoSecret} {
		if strings.Contains(out.String(), secret) {
			h.t.Errorf("the explanation shows %s", secret)
		}
	}
	return out.String()
}

// TestExplain asks why a push did not arrive: for a device that is served, one
// that is gone and one whose provider is refused, of the running program and
// without it.
func TestExplain(t *testing.T) {
	for name, tc := range map[string]struct {
		script  apnstest.Answer
		running []string
		without []string
	}{
		"delivered": {apnstest.Answer{}, []string{"APNs accepted the last push on", "message: accepted", "1 accepted", "certificate   valid until"},
			[]string{"APNs accepted pushes from", "The program does not run here"}},
		"dead": {apnstest.Answer{Status: http.StatusGone, Reason: "Unregistered", Since: time.Now().Add(time.Hour)},
			[]string{"No device is registered; the last one was removed on", "status 410: Unregistered; device removed"},
			[]string{"No device is registered; the last one was removed on", "its token is dead"}},
		"misconfigured": {apnstest.Answer{Status: http.StatusForbidden, Reason: "BadCertificate"},
			[]string{"refuses our certificate, key or topic", "status 403: BadCertificate", "paused"},
			[]string{"was not accepted (BadCertificate)", "failing since"}},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			if tc.script.Status != 0 {
				h.apns.Script(houseToken, tc.script)
			}
			h.replay("tigase-real-publish-chat")
			text := h.explain()
			t.Logf("\n$ tpush explain %s\n%s", houseUser, text)
			for _, part := range tc.running {
				if !strings.Contains(text, part) {
					t.Errorf("it does not say %q", part)
				}
			}
			adhoc := h.ask(stanza.SetIQ, "admin@example.test/x", "<command xmlns='http://jabber.org/protocol/commands' node='explain'><x xmlns='jabber:x:data' type='submit'>"+
				"<field var='userJid'><value>"+houseUser+"</value></field></x></command>")
			conclusion := strings.Split(text, "\n")[1]
			if !strings.Contains(strings.ReplaceAll(adhoc, "&#39;", "'"), conclusion) {
				t.Errorf("the ad-hoc command says something else: %s", adhoc)
			}
			var parsed []push.Explanation
			if err := json.Unmarshal([]byte(h.explain("--json")), &parsed); err != nil || len(parsed) != 1 || parsed[0].Account != houseUser || parsed[0].Conclusion != conclusion {
				t.Errorf("JSON: %+v, %v", parsed, err)
			}
			socket := filepath.Join(h.home, socketFile)
			if info, err := os.Stat(socket); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("the socket: %v, %v", info, err)
			}
			h.stop()
			if _, err := os.Stat(socket); err == nil {
				t.Error("the socket is left behind")
			}
			text = h.explain()
			t.Logf("\nwithout the program:\n%s", text)
			for _, part := range tc.without {
				if !strings.Contains(text, part) {
					t.Errorf("without the program it does not say %q", part)
				}
			}
		})
	}
}

func TestExplainMistakes(t *testing.T) {
	for name, tc := range map[string]struct {
		args []string
		want string
	}{
		"no user":  {[]string{"explain", "example.com"}, "write user@domain"},
		"no file":  {[]string{"explain", "ala@example.com", "--home", t.TempDir()}, "cannot read the configuration"},
		"no topic": {[]string{"help", "nothing"}, "commands"},
	} {
		var out, errs bytes.Buffer
		if code := run(tc.args, streams{&out, &errs}); code != exitConfig || !strings.Contains(errs.String(), tc.want) {
			t.Errorf("%s: exit code %d: %s", name, code, errs.String())
		}
	}
}
