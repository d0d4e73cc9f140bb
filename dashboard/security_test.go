// SPDX-License-Identifier: Apache-2.0

package dashboard

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/parallax-ssl/parallax/run"
)

// aRun serves one run, and returns its folder and its path in the API.
func aRun(t testing.TB) (w *served, dir, path string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "run")
	writeRun(t, dir, settings, storyOf(100)...)
	return local(t, filepath.Dir(dir)), dir, "/api/runs/" + idAt(t, dir)
}

// Every answer has the headers that keep a browser from doing what it should not, and the page has no script or style
// in itself.
func TestHeaders(t *testing.T) {
	w, _, path := aRun(t)
	for _, p := range []string{"/", "/runs", "/run/0", path, "/api/runs", "/api/none", "/static/app.js",
		"/laboratory.css",
		path + "/curve.csv?tag=loss", path + "/images/0"} {
		h := w.ask(t, "GET", p, "").header
		for name, want := range map[string]string{"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY",
			"Referrer-Policy": "no-referrer", "Cross-Origin-Resource-Policy": "same-origin"} {
			if h.Get(name) != want {
				t.Errorf("%s: %s is %q", p, name, h.Get(name))
			}
		}
		csp := h.Get("Content-Security-Policy")
		if !strings.Contains(csp, "default-src 'none'") || !strings.Contains(csp, "frame-ancestors 'none'") ||
			strings.Contains(csp, "unsafe") || strings.Contains(csp, "*") {
			t.Errorf("%s: Content-Security-Policy is %q", p, csp)
		}
		if h.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s: other origins may read it", p)
		}
		if h.Get("Content-Type") == "" {
			t.Errorf("%s has no type", p)
		}
	}
	page := string(w.ask(t, "GET", "/", "").text)
	for _, bad := range []string{"<style", "javascript:", " style=", " onload=", "http://", "https://"} {
		if strings.Contains(page, bad) {
			t.Errorf("the page has %q", bad)
		}
	}
	if strings.Count(page, "<script") != 1 || !strings.Contains(page, `src="/static/app.js"></script>`) {
		t.Error("the page has a script in itself")
	}
}

// On the loopback a Host that is not this machine's is refused: DNS rebinding.
func TestRebinding(t *testing.T) {
	w, _, path := aRun(t)
	for _, host := range []string{"evil.example", "evil.example:8090", "127.0.0.1.evil.example",
		"localhost.evil.example:80",
		"10.0.0.1", "0.0.0.0", "[::2]:80", "127.0.0.1@evil.example", "[127.0.0.1", "localhost:port", "localhost.",
		"xn--localhost"} {
		for _, p := range []string{"/", path, "/api/live", "/?token=" + w.token} {
			a := w.ask(t, "GET", p, "", "Host: "+host, w.bearer())
			if a.status != http.StatusMisdirectedRequest && a.status != http.StatusBadRequest {
				t.Errorf("Host %s, %s: status %d", host, p, a.status)
			}
		}
	}
	for _, host := range []string{"localhost", "LOCALHOST:1", "127.0.0.1:9", "127.9.9.9", "[::1]:80",
		"[::ffff:127.0.0.1]"} {
		if a := w.ask(t, "GET", path, "", "Host: "+host); a.status != http.StatusOK {
			t.Errorf("Host %s: status %d: %s", host, a.status, a.text)
		}
	}
}

// Other sites may open a page, and neither read nor change anything.
func TestCrossSite(t *testing.T) {
	w, dir, path := aRun(t)
	host := strings.TrimPrefix(w.url, "http://")
	note := `{"tags":[],"note":"from elsewhere"}`
	for _, headers := range [][]string{
		{"Sec-Fetch-Site: cross-site"}, {"Sec-Fetch-Site: same-site"}, {"Sec-Fetch-Site: odd"},
		{"Origin: http://evil.example"}, {"Origin: null"}, {"Origin: http://127.0.0.1:1"},
		{"Origin: http://" + host + ".evil.example"},
		{"Origin: ://"}, {"Sec-Fetch-Site: same-origin", "Origin: http://evil.example"},
		{"Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document"},
		{"Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: no-cors", "Sec-Fetch-Dest: script"},
	} {
		h := append([]string{w.bearer(), "Content-Type: application/json"}, headers...)
		refused(t, fmt.Sprint("PUT with ", headers), w.ask(t, "PUT", path+"/notes", note, h...), http.StatusForbidden)
		refused(t, fmt.Sprint("GET with ", headers), w.ask(t, "GET", path, "", h...), http.StatusForbidden)
		refused(t, fmt.Sprint("live with ", headers), w.ask(t, "GET", "/api/live", "", h...), http.StatusForbidden)
	}
	for _, dest := range []string{"iframe", "object", "embed", "image", "script", ""} {
		refused(t, "a page as "+dest, w.ask(t, "GET", "/", "", "Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate",
			"Sec-Fetch-Dest: "+dest), http.StatusForbidden)
	}
	link := []string{"Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document"}
	if a := w.ask(t, "GET", "/run/0", "", link...); a.status != http.StatusOK {
		t.Errorf("a link from another site: status %d", a.status)
	}
	if _, err := os.Stat(filepath.Join(dir, notesFile)); err == nil {
		t.Error("another site has written a note")
	}
	own := w.ask(t, "PUT", path+"/notes", note, w.bearer(), "Origin: "+w.url, "Sec-Fetch-Site: same-origin")
	if own.status != http.StatusOK {
		t.Errorf("the own page: status %d: %s", own.status, own.text)
	}
}

// A token in the URL becomes a cookie, is taken out of the URL, and is in no log. Nothing is written without it.
func TestToken(t *testing.T) {
	w, dir, path := aRun(t)
	if len(w.token) < leastToken {
		t.Errorf("the random token has %d characters", len(w.token))
	}
	a := w.ask(t, "GET", "/run/abc?x=1&token="+w.token+"&y=%2F", "")
	if to := a.header.Get("Location"); a.status != http.StatusSeeOther || to != "/run/abc?x=1&y=%2F" {
		t.Errorf("status %d to %q", a.status, to)
	}
	cookie := a.header.Get("Set-Cookie")
	for _, want := range []string{"HttpOnly", "SameSite=Strict", "Path=/", "parallax_"} {
		if !strings.Contains(cookie, want) {
			t.Errorf("the cookie is %q, without %s", cookie, want)
		}
	}
	for _, p := range []string{"//evil.example/x", "/\\evil.example", "/%2fevil.example", "///evil.example//",
		"/..//evil.example"} {
		a := w.ask(t, "GET", p+"?token="+w.token, "")
		if to := a.header.Get("Location"); strings.HasPrefix(to, "//") || strings.HasPrefix(to, "/\\") ||
			strings.Contains(to, ":") {
			t.Errorf("%s leads to %q", p, to)
		}
	}
	pair, _, _ := strings.Cut(cookie, ";")
	name, _, _ := strings.Cut(pair, "=")
	note := `{"tags":["t"],"note":"n"}`
	for what, h := range map[string]string{"no token": "X: y", "another": "Authorization: Bearer " +
		strings.Repeat("A", 26),
		"half": "Authorization: Bearer " + w.token[:13], "longer": "Authorization: Bearer " + w.token + "A",
		"basic": "Authorization: Basic " + w.token, "bare": "Authorization: " + w.token,
		"another cookie": "Cookie: " + name + "=" + strings.Repeat("A", 26),
		"another name":   "Cookie: parallax=" + w.token} {
		refused(t, what, w.ask(t, "PUT", path+"/notes", note, h), http.StatusUnauthorized)
	}
	refused(t, "in the URL of a PUT", w.ask(t, "PUT", path+"/notes?token="+w.token, note), http.StatusUnauthorized)
	refused(t, "a wrong one in the URL", w.ask(t, "GET", "/?token=wrong", ""), http.StatusUnauthorized)
	for _, method := range []string{"POST", "DELETE", "PATCH", "OPTIONS", "TRACE", "ODD"} {
		if a := w.ask(t, method, path+"/notes", note); a.status != http.StatusUnauthorized {
			t.Errorf("%s without a token: status %d", method, a.status)
		}
		if a := w.ask(t, method, path+"/notes", note, w.bearer()); a.status != http.StatusMethodNotAllowed {
			t.Errorf("%s with the token: status %d", method, a.status)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, notesFile)); err == nil {
		t.Error("a note was written without the token")
	}
	if get[table](t, w, "/api/runs").Write {
		t.Error("a reader without the token is told that writing is possible")
	}
	for _, h := range []string{w.bearer(), "Authorization: bearer  " + w.token, "Cookie: " + pair} {
		if a := w.ask(t, "PUT", path+"/notes", note, h); a.status != http.StatusOK {
			t.Errorf("with %s: status %d: %s", h, a.status, a.text)
		}
	}
	w.ask(t, "GET", "/api/none?token="+w.token, "", "Cookie: "+pair)
	w.stop()
	if log := w.log.String(); !strings.Contains(log, "/notes") || strings.Contains(log, w.token) {
		t.Errorf("the log has the token, or no requests:\n%s", log)
	}
}

// Elsewhere than on the loopback nothing is shown without the token.
func TestElsewhere(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	writeRun(t, dir, settings, storyOf(100)...)
	w := serve(t, "0.0.0.0:0", nil, filepath.Dir(dir))
	for _, p := range []string{"/", "/api/runs", "/static/app.js", "/api/live", "/laboratory.css",
		"/api/runs/" + idAt(t, dir)} {
		refused(t, p, w.ask(t, "GET", p, ""), http.StatusUnauthorized)
		refused(t, p, w.ask(t, "GET", p, "", "Authorization: Bearer wrong"), http.StatusUnauthorized)
		if p == "/api/live" {
			continue
		}
		if a := w.ask(t, "GET", p, "", w.bearer()); a.status != http.StatusOK {
			t.Errorf("%s with the token: status %d", p, a.status)
		}
	}
}

func TestNew(t *testing.T) {
	dir := t.TempDir()
	for what, o := range map[string]Options{
		"no folder": {}, "a folder that is not there": {Dirs: []string{filepath.Join(dir, "none")}},
		"no port": {Dirs: []string{dir}, Addr: "localhost"}, "a short token": {Dirs: []string{dir},
			Token: "0123456789"},
		"a token with a semicolon": {Dirs: []string{dir}, Token: strings.Repeat("a;", 20)},
		"a token with a line":      {Dirs: []string{dir}, Token: strings.Repeat("a\n", 20)},
	} {
		if s, err := New(o); err == nil {
			t.Errorf("%s is taken", what)
			s.Close()
		} else if strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %q", what, err)
		}
	}
}

// Paths lead to no file outside of the folders, nor to one that is none of the files of a run.
func TestTraversal(t *testing.T) {
	top := t.TempDir()
	write(t, filepath.Join(top, "secret", run.ConfigFile), "seed: 777888\n")
	write(t, filepath.Join(top, "secret", run.MetricsFile), `{"event":"start","step":0,"method":"secret777888"}`+"\n")
	write(t, filepath.Join(top, "secret", notesFile), `{"note":"secret777888"}`)
	shown := filepath.Join(top, "shown")
	honest := filepath.Join(shown, "run")
	writeRun(t, honest, settings, storyOf(20)...)
	link := func(to, at string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(at), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(to, at); err != nil {
			t.Fatal(err)
		}
	}
	link("../secret", filepath.Join(shown, "linked folder"))
	link(filepath.Join(top, "secret", run.ConfigFile), filepath.Join(shown, "linked config", run.ConfigFile))
	bad := filepath.Join(shown, "bad")
	write(t, filepath.Join(bad, run.ConfigFile), settings)
	for _, name := range []string{run.MetricsFile, notesFile, run.QuarantineFile, run.LockFile} {
		link(filepath.Join(top, "secret", run.MetricsFile), filepath.Join(bad, name))
	}
	relative := filepath.Join(shown, "relative")
	write(t, filepath.Join(relative, run.ConfigFile), settings)
	for _, name := range []string{run.MetricsFile, notesFile, run.QuarantineFile} {
		link("../../secret/"+run.MetricsFile, filepath.Join(relative, name))
	}
	write(t, filepath.Join(shown, "lab", "lab.json"), `{"experiments":["SIM-01"],"seeds":1,"steps":200}`)
	link("../../secret", filepath.Join(shown, "lab", "simsiam"))
	w := local(t, shown)
	all := get[table](t, w, "/api/runs")
	if len(all.Runs) != 3 {
		t.Errorf("%d runs", len(all.Runs))
	}
	for _, dir := range []string{bad, relative, honest} {
		p := "/api/runs/" + idAt(t, dir)
		for _, q := range []string{"", "/quarantine", "/config", "/curves?tag=loss", "/spectra", "/images"} {
			if a := w.ask(t, "GET", p+q, ""); strings.Contains(string(a.text), "777888") {
				t.Errorf("%s%s shows the secret: %.300s", dir, q, a.text)
			}
		}
		// A note takes the place of a link, and never goes through it.
		if a := w.put(t, p+"/notes", `{"tags":[],"note":"mine"}`); dir == honest && a.status != http.StatusOK {
			t.Errorf("%s: status %d: %s", dir, a.status, a.text)
		}
	}
	refused(t, "a laboratory with a link to elsewhere", w.ask(t, "GET",
		"/api/laboratories/"+idAt(t, filepath.Join(shown, "lab")), ""),
		http.StatusUnprocessableEntity)
	for _, id := range []string{"..", "%2e%2e", "..%2f..%2fsecret", "%2e%2e%2fsecret", "secret", "", ".", "0",
		idAt(t, shown),
		idAt(t, filepath.Join(top, "secret")), "%00", strings.Repeat("a", 5000)} {
		for _, kind := range []string{"runs", "clusterings", "laboratories"} {
			for _, rest := range []string{"", "/config", "/images/..%2f..%2fsecret"} {
				a := w.ask(t, "GET", "/api/"+kind+"/"+id+rest, "")
				if a.status == http.StatusOK && (kind != "runs" || id != "" && id != "." && id != "..") ||
					a.status >= 500 || strings.Contains(string(a.text), "777888") {
					t.Errorf("/api/%s/%.40s%s: status %d: %.200s", kind, id, rest, a.status, a.text)
				}
			}
		}
	}
	for _, p := range []string{"/static/../index.html", "/static/%2e%2e/%2e%2e/go.mod", "/static/..%2f..%2fdoc.go",
		"/static//etc/passwd",
		"/etc/passwd", "/../../etc/passwd"} {
		if a := w.ask(t, "GET", p, ""); a.status == http.StatusOK {
			t.Errorf("%s: %.100s", p, a.text)
		}
	}
	secret, err := os.ReadFile(filepath.Join(top, "secret", run.MetricsFile))
	if err != nil || !strings.HasSuffix(string(secret), "888\"}\n") {
		t.Errorf("the secret has become %q, %v", secret, err)
	}
}

// A pipe in place of a file does not hold anybody up.
func TestPipe(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	write(t, filepath.Join(dir, run.ConfigFile), settings)
	for _, name := range []string{run.MetricsFile, notesFile, run.QuarantineFile, run.LockFile} {
		if err := syscall.Mkfifo(filepath.Join(dir, name), 0o666); err != nil {
			t.Skip(err)
		}
	}
	w := local(t, dir)
	p := "/api/runs/" + idAt(t, dir)
	for _, q := range []string{"", "/quarantine", "/curves?tag=loss", "/spectra"} {
		w.ask(t, "GET", p+q, "")
	}
	if all := get[table](t, w, "/api/runs"); len(all.Runs) != 1 || all.Runs[0].Error == "" {
		t.Errorf("%+v", all.Runs)
	}
	w.put(t, p+"/notes", `{"tags":[],"note":""}`)
}

// quick are limits for a test of their effect.
func quick(s *Server) {
	s.limits = limits{connections: 64, header: 400 * time.Millisecond, request: 600 * time.Millisecond,
		answer: 30 * time.Second, idle: 400 * time.Millisecond}
}

// dial opens connections that send a text and then nothing.
func dial(t testing.TB, w *served, n int, text string) []net.Conn {
	t.Helper()
	all := make([]net.Conn, n)
	var wait sync.WaitGroup
	for i := range all {
		wait.Go(func() {
			c, err := net.DialTimeout("tcp", strings.TrimPrefix(w.url, "http://"), 10*time.Second)
			if err != nil {
				return // refused by the system
			}
			all[i] = c
			_, _ = io.WriteString(c, text)
		})
	}
	wait.Wait()
	t.Cleanup(func() {
		for _, c := range all {
			if c != nil {
				c.Close()
			}
		}
	})
	return all
}

// A thousand sockets that say nothing, say it slowly, or do not read, hold nobody up for long, and leave nothing
// behind.
func TestSockets(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	writeRun(t, dir, settings, storyOf(100)...)
	before := runtime.NumGoroutine()
	w := serve(t, DefaultAddr, quick, filepath.Dir(dir))
	host := strings.TrimPrefix(w.url, "http://")
	for what, text := range map[string]string{
		"silent":         "",
		"half a request": "GET / HTTP/1.1\r\nHost: " + host + "\r\nX-",
		"idle":           "GET /static/icon.svg HTTP/1.1\r\nHost: " + host + "\r\n\r\n",
		"a slow body": "PUT /api/runs/0/notes HTTP/1.1\r\nHost: " + host + "\r\n" + w.bearer() +
			"\r\nContent-Length: 1000\r\n\r\n{",
		"a body without a token": "PUT /api/runs/0/notes HTTP/1.1\r\nHost: " + host +
			"\r\nContent-Length: 1000\r\n\r\n",
		"no HTTP": "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
	} {
		t.Run(what, func(t *testing.T) {
			n := 200
			if what == "silent" {
				n = 1000
			}
			all := dial(t, w, n, text)
			for _, c := range all {
				if c != nil && what == "silent" {
					c.Close() // a thousand go on waiting for their turn otherwise, 64 at a time
				}
			}
			began := time.Now()
			if a := w.ask(t, "GET", "/api/runs", ""); a.status != http.StatusOK {
				t.Errorf("status %d", a.status)
			}
			if took := time.Since(began); took > 30*time.Second {
				t.Errorf("an honest reader waits for %v", took)
			}
		})
	}
	w.stop()
	plainClient.CloseIdleConnections()
	deadline := time.Now().Add(10 * time.Second)
	for ; runtime.NumGoroutine() > before+5; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			stacks := make([]byte, 1<<20)
			t.Fatalf("%d goroutines, and %d before:\n%s", runtime.NumGoroutine(), before,
				stacks[:runtime.Stack(stacks, true)])
		}
	}
}

// A head without an end is refused.
func TestLongHead(t *testing.T) {
	w, _, _ := aRun(t)
	c := dial(t, w, 1, "GET / HTTP/1.1\r\nHost: localhost\r\nX: "+strings.Repeat("a", 64<<10)+"\r\n\r\n")[0]
	if c == nil {
		t.Fatal("not connected")
	}
	answer, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err == nil && answer.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("status %d", answer.StatusCode)
	}
	if answer != nil {
		answer.Body.Close()
	}
}

// A handler that panics is answered for; an answer that has begun is broken off.
func TestPanic(t *testing.T) {
	w := local(t, t.TempDir())
	w.handler = w.observed(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/late" {
			_, _ = io.WriteString(rw, "half of")
			_ = http.NewResponseController(rw).Flush()
		}
		panic("as tested")
	}))
	refused(t, "a panic", w.ask(t, "GET", "/early", ""), http.StatusInternalServerError)
	answer, err := http.Get(w.url + "/late")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if text, err := io.ReadAll(answer.Body); err == nil {
		t.Errorf("half an answer looks whole: %q", text)
	}
	if !strings.Contains(w.log.String(), "as tested") {
		t.Error("the log does not have the panic")
	}
}
