// SPDX-License-Identifier: Apache-2.0

package serve

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/parallax-ssl/parallax/torch"
)

var errStopped = errors.New("the test stops the service")

// listen serves on a free port until stop, which returns what Serve returned.
func listen(t testing.TB, s *Server) (url string, stop func() error) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx, l) }()
	stop = sync.OnceValue(func() error { cancel(errStopped); return <-ended })
	t.Cleanup(func() { stop() })
	return "http://" + l.Addr().String(), stop
}

// post posts a body and returns the status; 0 with the error of the connection.
func post(client *http.Client, url, kind string, body []byte) (int, string, error) {
	r, err := client.Post(url, kind, bytes.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		return 0, "", err
	}
	return r.StatusCode, string(text), nil
}

// healthy checks that the service embeds and holds nothing.
func healthy(t *testing.T, s *Server, url string) {
	t.Helper()
	http.DefaultClient.CloseIdleConnections()
	for deadline := time.Now().Add(10 * time.Second); s.connections.used.Load() > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Errorf("%d connections are still open", s.connections.used.Load())
			break
		}
	}
	idle(t, s)
	s.health.mu.Lock()
	s.health.at = time.Time{}
	s.health.mu.Unlock()
	r, err := http.Get(url + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	if r.StatusCode != 200 {
		t.Errorf("health: %s", r.Status)
	}
}

// Connections beyond the limit are told so, and slow clients are let go: neither keeps others out for long.
func TestSlowAndMany(t *testing.T) {
	const most = 20
	s := open(t, func(o *Options) { o.Connections, o.Time = most, 300*time.Millisecond })
	url, _ := listen(t, s)
	address := strings.TrimPrefix(url, "http://")
	// Half of a header, half of a body, and nothing at all.
	starts := []string{"POST /embed HTTP/1.1\r\nHost: localhost\r\n",
		"POST /embed HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nabc", ""}
	var clients sync.WaitGroup
	var refused, late, closed atomic.Int32
	for i := range 3 * most {
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(c, starts[i%len(starts)]); err != nil {
			t.Fatal(err)
		}
		clients.Go(func() {
			defer c.Close()
			_ = c.SetDeadline(time.Now().Add(20 * time.Second))
			r, err := http.ReadResponse(bufio.NewReader(c), nil)
			switch {
			case err != nil:
				closed.Add(1)
				return
			case r.StatusCode == http.StatusServiceUnavailable:
				refused.Add(1)
			case r.StatusCode == http.StatusRequestTimeout:
				late.Add(1)
			default:
				t.Errorf("a slow client got %s", r.Status)
			}
			text, err := io.ReadAll(r.Body)
			if err != nil || decoded[single](t, text).Error == "" || !r.Close {
				t.Errorf("a refusal is %q (%v), and the connection stays: %v", text, err, !r.Close)
			}
		})
	}
	clients.Wait()
	if refused.Load() < most || late.Load() < most/4 {
		t.Errorf("of %d clients %d were refused, %d got 408 and %d were closed", 3*most, refused.Load(), late.Load(),
			closed.Load())
	}
	healthy(t, s, url)
}

// heap is the memory in use after a collection.
func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// A thousand malformed and oversized bodies leave no memory behind and harm no good request beside them.
func TestThousandBadBodies(t *testing.T) {
	s := open(t, func(o *Options) { o.Body, o.File, o.Pixels, o.Queue = 1<<20, 1<<19, 1<<16, 128 })
	url, _ := listen(t, s)
	good := jpegOf(t, 40, 30)
	kind, several := form(t, good, []byte("text"))
	bad := []struct {
		kind string
		body []byte
	}{
		{"", []byte("no image")}, {"", good[:len(good)/2]}, {"", make([]byte, 1<<20+1)}, {"", make([]byte, 1<<19+1)},
		{"", pngOf(t, 300, 300)}, {"", nil}, {"application/json", []byte(`{"items": [`)},
		{kind, several[:len(several)-30]},
		{"application/json", bytes.Repeat([]byte("["), 1<<19)}, {"multipart/form-data; boundary=x", good},
	}
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}}
	round := func(n int) {
		var next atomic.Int64
		var callers sync.WaitGroup
		for range 16 {
			callers.Go(func() {
				for i := next.Add(1); i <= int64(n); i = next.Add(1) {
					b := bad[i%int64(len(bad))]
					// A connection that the service closes on an oversized body may end before the answer is read.
					status, text, err := post(client, url+"/embed", b.kind, b.body)
					if err == nil && (status < 400 || status >= 500) || err != nil && len(b.body) < 1<<18 {
						t.Errorf("bad body %d: %d %.200s (%v)", i%int64(len(bad)), status, text, err)
					}
					if i%10 == 0 {
						if status, text, err := post(client, url+"/embed", "", good); status != 200 {
							t.Errorf("a good image among bad ones: %d %s (%v)", status, text, err)
						}
					}
				}
			})
		}
		callers.Wait()
	}
	round(100) // buffers of connections and the like are kept from here on
	client.CloseIdleConnections()
	before := heap()
	round(1000)
	client.CloseIdleConnections()
	healthy(t, s, url)
	if grown := heap() - before; grown > 4<<20 {
		t.Errorf("%d bytes are kept of a thousand bad bodies", grown)
	}
}

// Once it stops, the service refuses new requests and answers those that it took.
func TestStop(t *testing.T) {
	s := open(t, nil)
	url, stop := listen(t, s)
	good := jpegOf(t, 20, 20)
	held, release := make(chan struct{}), make(chan struct{})
	var others sync.WaitGroup
	others.Go(func() { _ = torch.Scope(func() error { close(held); <-release; return nil }) })
	<-held
	for range 12 {
		others.Go(func() {
			if status, text, err := post(http.DefaultClient, url+"/embed", "", good); status != 200 {
				t.Errorf("a request that was taken: %d %s (%v)", status, text, err)
			}
		})
	}
	for s.queue.used.Load() < 12 {
		time.Sleep(time.Millisecond)
	}
	waiting, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer waiting.Close()
	for s.connections.used.Load() < 13 {
		time.Sleep(time.Millisecond)
	}
	ended := make(chan error, 1)
	go func() { ended <- stop() }()
	for !s.stopping.Load() {
		time.Sleep(time.Millisecond)
	}
	// A connection that was open already learns that its request was not taken.
	fmt.Fprintf(waiting, "POST /embed HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s", len(good), good)
	if r, err := http.ReadResponse(bufio.NewReader(waiting), nil); err != nil || r.StatusCode != 503 || !r.Close {
		t.Errorf("a request that came too late: %v (%v)", r, err)
	}
	if _, err := net.Dial("tcp", strings.TrimPrefix(url, "http://")); err == nil {
		t.Error("a new connection was accepted")
	}
	close(release)
	if err := <-ended; !errors.Is(err, errStopped) {
		t.Errorf("Serve returned %v, want the cause", err)
	}
	others.Wait()
	idle(t, s)
}

// What is not answered within the grace is said to be lost.
func TestGrace(t *testing.T) {
	s := open(t, func(o *Options) { o.Grace = 100 * time.Millisecond })
	url, stop := listen(t, s)
	held, release := make(chan struct{}), make(chan struct{})
	var others sync.WaitGroup
	others.Go(func() { _ = torch.Scope(func() error { close(held); <-release; return nil }) })
	<-held
	others.Go(func() {
		if status, _, err := post(http.DefaultClient, url+"/embed", "", jpegOf(t, 20, 20)); err == nil {
			t.Errorf("a request that was cut off got %d", status)
		}
	})
	for s.queue.used.Load() < 1 {
		time.Sleep(time.Millisecond)
	}
	err := stop()
	if err == nil || errors.Is(err, errStopped) || !strings.Contains(err.Error(), "1 requests were not") {
		t.Errorf("Serve returned %v", err)
	}
	close(release)
	others.Wait()
}

// Run itself listens, and says where.
func TestRun(t *testing.T) {
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	said := make(chan string, 1)
	ended := make(chan error, 1)
	path := untrained(t)
	go func() {
		ended <- Run(ctx, Options{Run: path, Addr: "127.0.0.1:0", Listening: func(url string) { said <- url }})
	}()
	var url string
	select {
	case url = <-said:
	case err := <-ended:
		t.Fatal(err)
	}
	if status, text, err := post(http.DefaultClient, url+"/embed", "", jpegOf(t, 20, 20)); status != 200 {
		t.Errorf("%d %s (%v)", status, text, err)
	}
	err := Run(context.Background(), Options{Run: path, Addr: strings.TrimPrefix(url, "http://")})
	if err == nil || !strings.Contains(err.Error(), "another address or port") {
		t.Errorf("on an address in use: %v", err)
	}
	cancel(errStopped)
	if err := <-ended; !errors.Is(err, errStopped) {
		t.Errorf("Run returned %v", err)
	}
}
