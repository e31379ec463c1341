package apns

import (
	"testing"
	"time"

	"github.com/tpush/tpush/providers/apns/apnstest"
)

// TestReload renews the file while the provider pushes, as an admin does before
// SIGHUP.
func TestReload(t *testing.T) {
	s := simulator(t)
	cfg, home := config(t, s)
	p := provider(t, cfg, home)
	renewed := time.Now().Add(400 * 24 * time.Hour).Truncate(time.Second)
	p12, err := issue(t, s, apnstest.Certificate{UID: topic, Topics: []string{topic, topic + ".voip"}, Production: true, Expires: renewed}).P12("Pa$$w0rd", false, true)
	if err != nil {
		t.Fatal(err)
	}
	before := p.CertificateExpiry()
	write(t, home, "cert.p12", []byte("half a fi"))
	if err := p.Reload(); err == nil || !p.CertificateExpiry().Equal(before) {
		t.Errorf("a bad file: %v, %v", err, p.CertificateExpiry())
	}
	if err := p.Push(t.Context(), target(), plain()); err != nil {
		t.Error(err)
	}
	write(t, home, "cert.p12", p12)
	if err := p.Reload(); err != nil || !p.CertificateExpiry().Equal(renewed) {
		t.Errorf("a good file: %v, %v", err, p.CertificateExpiry())
	}
	if err := p.Push(t.Context(), target(), plain()); err != nil {
		t.Error(err)
	}
	cfg, home = waiting(t, s)
	if err := provider(t, cfg, home).Reload(); err != nil {
		t.Errorf("without a file: %v", err)
	}
}
