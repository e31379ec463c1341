package push

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/tpush/tpush/providers"
	"github.com/tpush/tpush/repository"
)

// syncEvery is how often stored certificates are looked at: another program on
// the same database may have changed one.
const syncEvery = time.Minute

// versions are those of the stored certificates in use, by provider id.
type versions struct {
	mu   sync.Mutex // held while one is changed
	used map[string]string
}

// ErrNoStore means that there is nothing to keep certificates in.
var ErrNoStore = errors.New("certificates cannot be stored here")

// SetCertificate makes a provider push with another certificate, here and in all
// programs on the same database, and returns when it expires. The text is the
// base64 of a .p12 file, or of a PEM file, or PEM. An [*InputError] says what is
// wrong with it: then nothing is changed. An unknown provider is
// [repository.ErrNotFound].
func (s *Service) SetCertificate(ctx context.Context, provider, text, password string) (expires time.Time, err error) {
	id, user, err := s.certificateUser(provider)
	if err != nil {
		return time.Time{}, err
	}
	cert, err := readCertificate(text, password)
	if err != nil {
		return time.Time{}, err
	}
	if expires, err = user.CheckCertificate(asPushed(cert)); err != nil {
		return time.Time{}, &InputError{Text: err.Error()}
	}
	s.versions.mu.Lock()
	defer s.versions.mu.Unlock()
	version, err := s.certificates.Store(ctx, s.certificateName(id), cert)
	if err != nil {
		return time.Time{}, err
	}
	if err := s.set.UseCertificate(id, asPushed(cert)); err != nil {
		return time.Time{}, fmt.Errorf("the certificate is stored, yet not in use: %w", err)
	}
	s.versions.set(id, version)
	s.log.Info("certificate set", "provider", id, "expires", expires.UTC().Format(time.DateOnly))
	return expires, nil
}

// RemoveCertificate forgets the stored certificate of a provider. Programs that
// have loaded it push with it until they are started again. The error is
// [repository.ErrNotFound] when none is stored.
func (s *Service) RemoveCertificate(ctx context.Context, provider string) error {
	id, _, err := s.certificateUser(provider)
	if err != nil {
		return err
	}
	s.versions.mu.Lock()
	defer s.versions.mu.Unlock()
	if err := s.certificates.Remove(ctx, s.certificateName(id)); err != nil {
		return err
	}
	delete(s.versions.used, id)
	s.log.Info("stored certificate removed: in use until the program is started again", "provider", id)
	return nil
}

// SyncCertificates takes over stored certificates that changed since they were
// last looked at. One that cannot be used leaves the one in use.
func (s *Service) SyncCertificates(ctx context.Context) error {
	if s.certificates == nil {
		return nil
	}
	stored, err := s.certificates.Versions(ctx)
	if err != nil {
		return err
	}
	s.versions.mu.Lock()
	defer s.versions.mu.Unlock()
	var errs []error
	for _, p := range s.set.Infos() {
		version, used := stored[s.certificateName(p.ID)], s.versions.used[p.ID]
		if version == "" || version == used {
			continue
		}
		cert, err := s.certificates.Load(ctx, s.certificateName(p.ID))
		if err == nil {
			// Also one that cannot be used is not tried again before it changes.
			s.versions.set(p.ID, version)
			err = s.set.UseCertificate(p.ID, asPushed(cert))
		}
		if errors.Is(err, providers.ErrCertificateFixed) {
			s.log.Info("the stored certificate is not used", "provider", p.ID, "err", err)
			continue
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("provider %s: stored certificate: %w", p.ID, err))
			continue
		}
		s.log.Info("stored certificate in use", "provider", p.ID, "expires", s.expiry(p.ID).UTC().Format(time.DateOnly))
	}
	return errors.Join(errs...)
}

// Run looks at the stored certificates, now and every minute, and at when
// certificates expire, once a day, until ctx ends. Administrators are told of
// what they have to act upon.
func (s *Service) Run(ctx context.Context) error {
	var watch sync.WaitGroup
	watch.Go(func() { s.set.Watch(ctx, func(n providers.Notice) { s.tellAdmins(ctx, n.Text) }) })
	defer watch.Wait()
	t := time.NewTicker(syncEvery)
	defer t.Stop()
	for {
		if err := s.SyncCertificates(ctx); err != nil && ctx.Err() == nil {
			s.log.Error("stored certificates", "err", err)
		}
		select {
		case <-t.C:
		case <-ctx.Done():
			return nil
		}
	}
}

func (v *versions) set(id, version string) {
	if v.used == nil {
		v.used = map[string]string{}
	}
	v.used[id] = version
}

// asPushed is a stored certificate as providers take it.
func asPushed(c repository.Certificate) providers.Certificate {
	if len(c.PEM) > 0 {
		return providers.Certificate{Data: c.PEM, Password: c.Password}
	}
	return providers.Certificate{Data: c.P12, Password: c.Password}
}

// certificateName is what a provider's certificate is stored under.
func (s *Service) certificateName(provider string) string { return s.name + "." + provider }

// certificateUser finds a provider that pushes with a certificate.
func (s *Service) certificateUser(provider string) (id string, user providers.CertificateUser, err error) {
	p, ok := s.set.Lookup(provider)
	if !ok {
		return "", nil, fmt.Errorf("provider %q: %w", abbreviate(provider), repository.ErrNotFound)
	}
	user, ok = p.(providers.CertificateUser)
	if !ok {
		return "", nil, fmt.Errorf("provider %q uses no certificate: %w", abbreviate(provider), repository.ErrNotFound)
	}
	if s.certificates == nil {
		return "", nil, ErrNoStore
	}
	return p.Info().ID, user, nil
}

// expiry returns when a provider's certificate expires, the zero time when it
// has none.
func (s *Service) expiry(provider string) time.Time {
	p, _ := s.set.Lookup(provider)
	if user, ok := p.(providers.CertificateUser); ok {
		return user.CertificateExpiry()
	}
	return time.Time{}
}

// readCertificate takes what an administrator pasted: white space in base64 is
// passed over, be it from line breaks or a form that joined them.
func readCertificate(text, password string) (repository.Certificate, error) {
	const pemMark = "-----BEGIN "
	cert := repository.Certificate{Password: password}
	if strings.Contains(text, pemMark) {
		cert.PEM = []byte(strings.TrimSpace(text) + "\n")
		return cert, nil
	}
	dense := strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || r == '=' {
			return -1
		}
		return r
	}, text)
	if dense == "" {
		return cert, &InputError{Text: "Missing value for field " + fieldCertificate}
	}
	dense = strings.NewReplacer("-", "+", "_", "/").Replace(dense)
	data, err := base64.RawStdEncoding.DecodeString(dense)
	switch {
	case err != nil:
		return cert, &InputError{Text: "the certificate is neither base64 nor PEM: paste the output of base64 -w 0 FILE.p12"}
	case strings.Contains(string(data), pemMark):
		cert.PEM = data
	default:
		cert.P12 = data
	}
	return cert, nil
}
