package http

import (
	"bytes"
	"context"
	"crypto/rand"
	"embed"
	"encoding/base64"
	"html/template"
	"net/http"
	"strings"
	"time"

	"github.com/tpush/tpush/component/push"
	"mellium.im/xmpp/jid"
)

//go:embed page
var pageFiles embed.FS

// sections are the parts of the page that a script keeps up to date; each is a
// template.
var sections = []string{"overview", "connections", "providers", "problems"}

// shownProblems is how many problems the page lists.
const shownProblems = 50

// view is what the page shows.
type view struct {
	Program     *Program
	Now         time.Time
	Verdict     verdict
	Tiles       []tile
	Charts      []chart
	Connections []Connection
	Providers   []providerView
	Problems    []push.Entry

	Nonce     string
	Style     template.CSS
	Script    template.JS
	Sections  []string
	Account   string // that is to be explained
	Wrong     string // why it cannot be
	Explained []*push.Explanation
	HasToken  bool
}

// providerView is a provider with the number of devices as a part of all.
type providerView struct {
	push.ProviderState
	Component    string // empty when there is only one
	Share        int    // of the devices, in percent of the largest
	Certificates []certificate
}

// page renders the status page.
type page struct {
	program *Program
	history *history
	tmpl    *template.Template
	style   template.CSS
	script  template.JS
}

func newPage(p *Program, h *history) *page {
	read := func(name string) string {
		b, err := pageFiles.ReadFile("page/" + name)
		if err != nil {
			panic(err) // it is part of the program
		}
		return string(b)
	}
	pg := &page{program: p, history: h, style: template.CSS(read("style.css")), script: template.JS(read("live.js"))}
	pg.tmpl = template.Must(template.New("").Funcs(template.FuncMap{
		"ago": ago, "until": until, "stamp": func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
		"clock": func(t time.Time) string { return t.Format("15:04:05") }, "day": func(t time.Time) string { return t.Format(time.DateOnly) },
		"cure": cure, "failedHow": failedHow, "detail": func(e push.Entry) string { return strings.TrimPrefix(e.Text, e.Kind+": ") }, "count": func(n int) string { return count(float64(n)) }, "count64": func(n uint64) string { return count(float64(n)) },
		"ms": func(d time.Duration) string { return milliseconds(d.Seconds()) }, "join": strings.Join,
		"chartSize": func() []int { return []int{chartWidth, chartHeight} },
	}).ParseFS(pageFiles, "page/*.html"))
	return pg
}

// view collects what is shown.
func (pg *page) view(ctx context.Context) *view {
	now := time.Now()
	f := newFrame(pg.history.until(now))
	v := &view{Program: pg.program, Now: now, Verdict: pg.program.judge(ctx, now), Charts: f.charts(), Connections: pg.program.Connections(),
		Problems: pg.program.problems(ctx, shownProblems), Sections: sections}
	devices, most := 0, 1
	for _, c := range pg.program.states(ctx) {
		for _, s := range c.providers {
			pv := providerView{ProviderState: s, Certificates: certificates(&s)}
			if len(pg.program.Components) > 1 {
				pv.Component = c.Name
			}
			v.Providers = append(v.Providers, pv)
			devices, most = devices+s.Devices, max(most, s.Devices)
		}
	}
	for i := range v.Providers {
		v.Providers[i].Share = v.Providers[i].Devices * 100 / most
	}
	v.Tiles = f.tiles(devices)
	return v
}

// show answers with the whole page.
func (pg *page) show(w http.ResponseWriter, r *http.Request) {
	v := pg.view(r.Context())
	if v.Account = strings.TrimSpace(r.URL.Query().Get("account")); v.Account != "" {
		v.Explained, v.Wrong = pg.explain(r.Context(), v.Account)
	}
	pg.write(w, http.StatusOK, "page", v)
}

// explain explains an account's devices, or says why it cannot.
func (pg *page) explain(ctx context.Context, account string) ([]*push.Explanation, string) {
	j, err := jid.Parse(account)
	if err != nil || j.Localpart() == "" {
		return nil, "This is no address of a user: write user@example.com."
	}
	ctx, cancel := context.WithTimeout(ctx, storeTime)
	defer cancel()
	all, err := pg.program.explain(ctx, j.Bare().String())
	if err != nil {
		return nil, "It cannot be looked up: " + err.Error()
	}
	return all, ""
}

// live answers with the sections alone, as JSON, for the page's script.
func (pg *page) live(w http.ResponseWriter, r *http.Request) {
	v := pg.view(r.Context())
	out := map[string]string{}
	for _, name := range sections {
		var b bytes.Buffer
		if err := pg.tmpl.ExecuteTemplate(&b, name, v); err != nil {
			text(w, http.StatusInternalServerError)
			return
		}
		out[name] = b.String()
	}
	writeJSON(w, http.StatusOK, out)
}

// login answers with the form that asks for the token.
func (pg *page) login(w http.ResponseWriter, wrong bool) {
	v := &view{Program: pg.program}
	if wrong {
		v.Wrong = "That is not the token. After several wrong ones, wait a minute."
	}
	pg.write(w, http.StatusUnauthorized, "login", v)
}

// write renders a template as a page that loads nothing and runs nothing but
// its own script.
func (pg *page) write(w http.ResponseWriter, status int, name string, v *view) {
	var random [16]byte
	_, _ = rand.Read(random[:]) // never fails
	v.Nonce, v.Style, v.Script = base64.RawURLEncoding.EncodeToString(random[:]), pg.style, pg.script
	var b bytes.Buffer
	if err := pg.tmpl.ExecuteTemplate(&b, name, v); err != nil {
		text(w, http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'nonce-"+v.Nonce+"'; script-src 'nonce-"+v.Nonce+"'; connect-src 'self'; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	w.WriteHeader(status)
	// A client that is gone needs no answer.
	_, _ = b.WriteTo(w)
}
