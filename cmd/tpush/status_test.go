package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tpush/tpush/providers/apns/apnstest"
)

// metrics are the numbers of /metrics by name with labels.
type metrics map[string]float64

// askConnector asks the management connector with the token and returns its answer.
func askConnector(t *testing.T, port int, path string) (int, string) {
	t.Helper()
	r, err := http.NewRequest("GET", fmt.Sprintf("http://127.0.0.1:%d%s", port, path), nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+officeToken)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(body)
}

func (o *office) ask(path string) (int, string) {
	o.t.Helper()
	return askConnector(o.t, o.management, path)
}

func (o *office) metrics() metrics {
	o.t.Helper()
	return metricsAt(o.t, o.management)
}

// metricsAt are those of the program whose management connector has that port.
func metricsAt(t *testing.T, port int) metrics {
	t.Helper()
	status, text := askConnector(t, port, "/metrics")
	if status != http.StatusOK {
		t.Fatalf("/metrics: %d %s", status, text)
	}
	out := metrics{}
	for line := range strings.Lines(text) {
		name, value, ok := strings.Cut(strings.TrimSpace(line), "} ")
		if n, err := strconv.ParseFloat(value, 64); ok && err == nil && !strings.HasPrefix(line, "#") {
			out[name+"}"] = n
		}
	}
	return out
}

// sum adds up what has all of the parts in its name and labels.
func (m metrics) sum(parts ...string) (n float64) {
next:
	for name, v := range m {
		for _, p := range parts {
			if !strings.Contains(name, p) {
				continue next
			}
		}
		n += v
	}
	return n
}

// total is a number of a chart's legend on the page.
func (b *browser) total(chart, series string) float64 {
	b.t.Helper()
	text := b.text(fmt.Sprintf(`for (const row of document.querySelectorAll("#chart-%s .legend tbody tr"))
		if (row.querySelector("th").textContent === %q) return row.querySelector("td:last-child").textContent;
		return "none"`, chart, series))
	n, err := strconv.ParseFloat(strings.ReplaceAll(text, ",", ""), 64)
	if err != nil {
		b.t.Fatalf("%s of chart %s: %q", series, chart, text)
	}
	return n
}

// shownNumbers are those that the page and /metrics both have.
var shownNumbers = []struct {
	chart, series string
	parts         []string
}{
	{"publishes", "accepted", []string{"tpush_publishes_total{", `outcome="accepted"`}},
	{"publishes", "device gone", []string{"tpush_publishes_total{", `outcome="gone"`}},
	{"pushes", demoAPNs, []string{"tpush_pushes_total{", `provider="` + demoAPNs + `"`}},
	{"pushes", demoFCM, []string{"tpush_pushes_total{", `provider="` + demoFCM + `"`}},
	{"reasons", "Unregistered", []string{"tpush_pushes_total{", `reason="Unregistered"`}},
}

// TestStatusPage opens the status page in a browser while publishes come, and
// compares its numbers with those of /metrics.
func TestStatusPage(t *testing.T) {
	b := startBrowser(t)
	o := newOffice(t)
	o.run()
	var nodes []string
	for i := range 12 {
		token := fmt.Sprintf("%064X", i+1)
		nodes = append(nodes, o.register(fmt.Sprintf("user%d@example.com", i), demoAPNs, token), o.register(fmt.Sprintf("user%d@example.com", i), demoFCM, fmt.Sprintf("%s%d", phoneToken, i)))
		if i%5 == 4 {
			o.sim.apns.Script(token, apnstest.Answer{Status: http.StatusGone, Reason: "Unregistered", Since: time.Now().Add(time.Hour)})
		}
	}
	o.sim.apns.Delay(15 * time.Millisecond)
	stop := o.load(nodes)
	defer stop()

	page := fmt.Sprintf("http://127.0.0.1:%d/", o.management)
	b.screen(1280, "light")
	b.open(page)
	if title := b.text("return document.title"); title != "tpush: log in" {
		t.Errorf("without the token: %s", title)
	}
	b.shoot("login")
	b.eval(`document.getElementById("token").value = `+strconv.Quote(officeToken)+`; document.querySelector("form").submit()`, new(any))
	eventually(t, "the page is shown after the login", func() bool { return b.text("return document.title") == "tpush: Pushes flow" })
	b.open(page + "?token=" + officeToken)
	if at := b.address(); at != page {
		t.Errorf("the token stays in the address: %s", at)
	}
	b.complaints() // that there was no login
	eventually(t, "devices are gone", func() bool { return o.metrics().sum("tpush_publishes_total{", `"gone"`) > 10 })

	for range 3 {
		before := o.metrics()
		b.open(page)
		var got []float64
		for _, n := range shownNumbers {
			got = append(got, b.total(n.chart, n.series))
		}
		after := o.metrics()
		for i, n := range shownNumbers {
			if low, high := before.sum(n.parts...), after.sum(n.parts...); got[i] < low || got[i] > high || got[i] == 0 {
				t.Errorf("%s of %s: the page shows %v, /metrics before and after it %v and %v", n.series, n.chart, got[i], low, high)
			}
		}
	}
	first := b.total("publishes", "accepted")
	eventually(t, "the page grows by itself", func() bool { return b.total("publishes", "accepted") > first })
	stop()
	b.open(page)
	last := o.metrics()
	for _, n := range shownNumbers {
		if got, want := b.total(n.chart, n.series), last.sum(n.parts...); got != want {
			t.Errorf("%s of %s: the page shows %v, /metrics %v", n.series, n.chart, got, want)
		}
	}
	b.looks(page)
	b.explains(o, page)
	if complaints := b.complaints(); len(complaints) > 0 {
		t.Errorf("the browser complains: %s", strings.Join(complaints, "\n"))
	}
	o.keepsSecrets()
	o.shippedRules()

	o.server.Close()
	eventually(t, "the page says that the server is away", func() bool {
		b.open(page)
		return b.text(`return document.querySelector("h1").textContent`) == "Something is wrong"
	})
	b.screen(390, "light")
	b.shoot("phone-not-connected")
	if status, body := o.ask("/readyz"); status != http.StatusServiceUnavailable || !strings.Contains(body, `"connections":0`) || !strings.Contains(body, `"store":"ok"`) {
		t.Errorf("/readyz: %d %s", status, body)
	}
	if status, _ := o.ask("/healthz"); status != http.StatusOK {
		t.Errorf("/healthz: %d", status)
	}
}

// looks takes a picture of each kind of screen and looks at what can be
// measured: nothing is cut off, texts have contrast, everything has a name.
func (b *browser) looks(page string) {
	t := b.t
	t.Helper()
	for _, width := range []int{1280, 390} {
		for _, scheme := range []string{"light", "dark"} {
			b.screen(width, scheme)
			b.open(page + "?account=user1@example.com")
			b.shoot(fmt.Sprintf("%s-%s", map[bool]string{true: "desktop", false: "phone"}[width > 600], scheme))
			if wide := b.text("return document.documentElement.scrollWidth + ''"); wide != strconv.Itoa(width) {
				t.Errorf("at %d %s the page is %s wide", width, scheme, wide)
			}
			if low := b.text(lowContrast); low != "" {
				t.Errorf("at %d %s, too little contrast:\n%s", width, scheme, low)
			}
			if nameless := b.text(withoutName); nameless != "" {
				t.Errorf("at %d %s, what a screen reader cannot name:\n%s", width, scheme, nameless)
			}
		}
	}
	b.screen(1280, "light")
	b.open(page)
	if tip := b.text(pointAtChart); !strings.Contains(tip, "accepted") || !strings.Contains(tip, ":") {
		t.Errorf("the chart at the pointer says %q", tip)
	}
	b.shoot("desktop-tip")
	b.open(page)
	b.call("POST", "/actions", map[string]any{"actions": []any{map[string]any{"type": "key", "id": "keys", "actions": []any{
		map[string]string{"type": "keyDown", "value": "\uE004"}, map[string]string{"type": "keyUp", "value": "\uE004"}}}}})
	if first := b.text("return document.activeElement.textContent"); first != "Skip to the content" {
		t.Errorf("the first thing that Tab reaches is %q", first)
	}
}

// explains asks why a push did not arrive, as a person would.
func (b *browser) explains(o *office, page string) {
	b.t.Helper()
	b.screen(1280, "light")
	b.open(page)
	b.eval(`document.getElementById("account").value = "user1@example.com"; document.querySelector("#explain form").requestSubmit()`, new(any))
	eventually(b.t, "the explanation is there", func() bool {
		return b.text(`return document.querySelector("#explain .conclusion")?.textContent || ""`) != ""
	})
	text := b.text(`return document.getElementById("explain").textContent`)
	for _, want := range []string{"user1@example.com", demoDomain, "accepted", demoAPNs + "/", demoFCM + "/"} {
		if !strings.Contains(text, want) {
			b.t.Errorf("the explanation does not say %q: %s", want, text)
		}
	}
	b.open(page + "?account=nobody")
	if wrong := b.text(`return document.querySelector("#explain .wrong")?.textContent || ""`); !strings.Contains(wrong, "no address") {
		b.t.Errorf("no address: %q", wrong)
	}
}

// keepsSecrets looks for tokens and passwords in everything that is served.
func (o *office) keepsSecrets() {
	o.t.Helper()
	for _, path := range []string{"/", "/live", "/metrics", "/readyz", "/?account=user1@example.com"} {
		status, body := o.ask(path)
		for _, secret := range []string{fmt.Sprintf("%064X", 2), phoneToken, demoSecret, "Pa$$w0rd", officeToken, "BEGIN"} {
			if status != http.StatusOK || strings.Contains(body, secret) {
				o.t.Errorf("%s: status %d, or it shows %s", path, status, secret)
			}
		}
	}
	if text := regexp.MustCompile(`(?m)^tpush_\w+\{[^}]*@`).FindString(fmt.Sprint(o.ask("/metrics"))); text != "" {
		o.t.Errorf("an address in a label: %s", text)
	}
}

// shippedRules looks whether every metric of the dashboard and of the alert rules
// is there.
func (o *office) shippedRules() {
	o.t.Helper()
	_, text := o.ask("/metrics")
	for _, name := range []string{"alerts.yml", "grafana-dashboard.json"} {
		rules, err := os.ReadFile(filepath.Join("..", "..", "etc", name))
		if err != nil {
			o.t.Fatal(err)
		}
		found := regexp.MustCompile(`\b(tpush|process|go)_[a-z_]+`).FindAllString(string(rules), -1)
		for _, metric := range found {
			if !strings.Contains(text, "\n"+metric+"{") && !strings.Contains(text, "\n"+metric+" ") {
				o.t.Errorf("%s asks for %s, which is not there", name, metric)
			}
		}
		if len(found) < 8 {
			o.t.Errorf("%s asks for %d metrics", name, len(found))
		}
	}
}

// pointAtChart moves the pointer to the end of a chart and returns what is shown.
const pointAtChart = `
const svg = document.querySelector("#chart-publishes svg"), box = svg.getBoundingClientRect();
svg.dispatchEvent(new PointerEvent("pointermove", { bubbles: true, clientX: box.right - 2, clientY: box.top + 30 }));
return document.querySelector(".tip")?.textContent || "";`

// lowContrast lists texts whose contrast is below what WCAG 2.2 asks for (4.5).
const lowContrast = `
const parse = (c) => { const m = c.match(/[\d.]+/g).map(Number); return c.startsWith("color(srgb") ? [m[0]*255, m[1]*255, m[2]*255, m[3] ?? 1] : [m[0], m[1], m[2], m[3] ?? 1]; };
const light = (c) => { const [r, g, b] = c.map((v) => { v /= 255; return v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4; }); return .2126*r + .7152*g + .0722*b; };
const behind = (e) => { for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor); if (c[3] > .8) return c; } return [255, 255, 255, 1]; };
const out = new Set();
for (const e of document.body.querySelectorAll("*")) {
  if (![...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim()) || !e.checkVisibility() || e.closest("svg,script,style,.hidden,.skip")) continue;
  const a = light(parse(getComputedStyle(e).color)), b = light(behind(e));
  const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
  if (ratio < 4.5) out.add(e.tagName + "." + e.className + " " + ratio.toFixed(2) + " " + e.textContent.trim().slice(0, 40));
}
return [...out].join("\n");`

// withoutName lists what has no name for a screen reader, and landmarks that
// are missing.
const withoutName = `
const out = [];
for (const e of document.querySelectorAll("a,button,input"))
  if (!(e.textContent.trim() || e.getAttribute("aria-label") || e.labels?.length)) out.push(e.outerHTML);
for (const e of document.querySelectorAll("table")) if (!e.caption) out.push("table without caption: " + e.textContent.slice(0, 60));
for (const e of document.querySelectorAll("svg")) if (!e.getAttribute("aria-label") && !e.closest("[aria-hidden=true]")) out.push("svg: " + e.outerHTML.slice(0, 60));
for (const e of document.querySelectorAll("thead th")) if (!e.getAttribute("scope")) out.push("th without scope");
for (const [tag, n] of [["main", 1], ["header", 1], ["nav", 1], ["footer", 1], ["h1", 1]])
  if (document.querySelectorAll(tag).length !== n) out.push("not one " + tag);
if (document.documentElement.lang !== "en") out.push("no language");
return out.join("\n");`
