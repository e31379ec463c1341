package ext

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"mellium.im/xmpp/stream"
)

func TestDialTLS(t *testing.T) {
	// Any TLS server will do: only the handshake is looked at.
	s := httptest.NewTLSServer(nil)
	defer s.Close()
	home := t.TempDir()
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	if err := os.WriteFile(filepath.Join(home, "ca.pem"), ca, 0o600); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(s.Certificate().Raw)
	pin := hex.EncodeToString(sum[:])
	host, port, err := net.SplitHostPort(s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		ca, fingerprint string
		want            string // part of the error; empty: it connects
	}{
		"CA":            {"ca.pem", "", ""},
		"pin":           {"", pin, ""},
		"pin in colons": {"", strings.ToUpper(pin[:2] + ":" + pin[2:]), ""},
		"unknown":       {"", "", "certificate signed by unknown authority"},
		"other pin":     {"", strings.Repeat("0", 64), "not the configured one"},
		"bad pin":       {"", "12", "fingerprint is not the SHA-256"},
		"no CA file":    {"none.pem", "", "ca-file:"},
	} {
		it := Item{Domain: domain, Password: "s", Host: host, Port: number, Socket: "ssl", CAFile: tc.ca, Fingerprint: tc.fingerprint}
		d, err := newDialer(&it, home)
		if err == nil {
			var conn net.Conn
			if conn, err = d.dial(within(t), it.addresses("")[0]); err == nil {
				conn.Close()
			}
		}
		if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: error %v, want %q", name, err, tc.want)
		}
		if d != nil && err != nil && !strings.Contains(explain(err, "ssl"), "ca-file or fingerprint") {
			t.Errorf("%s: the advice is %q", name, explain(err, "ssl"))
		}
	}
	plain := Item{Domain: domain, Fingerprint: pin}
	if _, err := newDialer(&plain, home); err == nil {
		t.Error("a fingerprint without TLS is accepted")
	}
}

// A trial finds what holds a connection of its own back.
func TestAdviceForConflict(t *testing.T) {
	if got := explain(fmt.Errorf("wait for the handshake's answer: %w", stream.Conflict), "ssl"); !strings.Contains(got, "another process is connected") {
		t.Errorf("the advice is %q", got)
	}
}

func TestPlainSocketToTLSPort(t *testing.T) {
	s := httptest.NewUnstartedServer(nil)
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // of the handshake that has to fail
	s.StartTLS()
	defer s.Close()
	it := Item{Domain: domain, Password: "s"}
	d, err := newDialer(&it, "")
	if err != nil {
		t.Fatal(err)
	}
	_, err = try(within(t), d, &it, s.Listener.Addr().String())
	if err == nil {
		t.Fatal("connected")
	}
	if got := explain(err, it.Socket); !strings.Contains(got, "set the item's socket to ssl") {
		t.Errorf("%v: the advice is %q", err, got)
	}
	if got := explain(err, "ssl"); strings.Contains(got, "ssl") {
		t.Errorf("the advice for a socket ssl is %q", got)
	}
}
