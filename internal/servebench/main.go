// SPDX-License-Identifier: Apache-2.0

// Command servebench puts parallax serve under load and prints what it found as Markdown tables: throughput and
// latency with batches and without, memory and health under hostile clients, and whether a stop under load loses
// requests. It needs a run and a folder of images:
//
//	go build -o bin/parallax ./cmd/parallax && go run ./internal/servebench -run runs/simclr-1 -images photos
package main

import (
	"bufio"
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

var (
	program = flag.String("parallax", "bin/parallax", "the command")
	runDir  = flag.String("run", "", "the run's directory, or an encoder.safetensors")
	folder  = flag.String("images", "", "folder of image files")
	seconds = flag.Int("seconds", 10, "length of each measurement of throughput")
	clients = flag.Int("clients", 32, "clients of the measurements with several")
	threads = flag.Int("threads", 1, "threads of the engine")
)

func main() {
	flag.Parse()
	if err := bench(); err != nil {
		fmt.Fprintln(os.Stderr, "servebench: "+err.Error())
		os.Exit(1)
	}
}

func bench() error {
	images, err := read(*folder)
	if err != nil {
		return err
	}
	for _, part := range []func([][]byte) error{throughput, abuse, stop} {
		if err := part(images); err != nil {
			return err
		}
		fmt.Println()
	}
	return nil
}

// read reads up to 500 image files of a folder.
func read(folder string) (images [][]byte, err error) {
	err = filepath.WalkDir(folder, func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || len(images) == 500 {
			return err
		}
		data, err := os.ReadFile(path)
		images = append(images, data)
		return err
	})
	if err == nil && len(images) == 0 {
		err = fmt.Errorf("%q has no files: give -images a folder", folder)
	}
	return images, err
}

// service is a parallax serve that runs.
type service struct {
	*exec.Cmd
	url  string
	log  bytes.Buffer // once it has ended
	done chan error
}

func start(flags ...string) (*service, error) {
	s := &service{done: make(chan error, 1)}
	s.Cmd = exec.Command(*program, append([]string{"serve", "--run", *runDir, "--addr", "127.0.0.1:0", "--threads",
		strconv.Itoa(*threads)}, flags...)...)
	s.Stderr = &s.log
	out, err := s.StdoutPipe()
	if err == nil {
		err = s.Start()
	}
	if err != nil {
		return nil, err
	}
	s.url, err = bufio.NewReader(out).ReadString('\n')
	s.url = strings.TrimSpace(s.url)
	go func() { s.done <- s.Wait() }()
	if err != nil {
		return nil, fmt.Errorf("the service did not start: %w: %s", err, s.log.String())
	}
	return s, nil
}

// end sends SIGTERM and returns the exit status.
func (s *service) end() (int, error) {
	if err := s.Process.Signal(syscall.SIGTERM); err != nil {
		return 0, err
	}
	var status *exec.ExitError
	if err := <-s.done; err != nil && !errors.As(err, &status) {
		return 0, err
	}
	return s.ProcessState.ExitCode(), nil
}

// resident is the memory of the service in MiB.
func (s *service) resident() float64 {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.Process.Pid))
	found := regexp.MustCompile(`VmRSS:\s+(\d+) kB`).FindSubmatch(text)
	if found == nil {
		return 0
	}
	kB, _ := strconv.ParseFloat(string(found[1]), 64)
	return kB / 1024
}

// healthy reports whether /healthz says 200.
func (s *service) healthy() bool {
	client := http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	r, err := client.Get(s.url + "/healthz")
	if err != nil {
		return false
	}
	r.Body.Close()
	return r.StatusCode == http.StatusOK
}

func newClient(connections int) *http.Client {
	return &http.Client{Timeout: time.Minute, Transport: &http.Transport{MaxIdleConnsPerHost: connections}}
}

// post returns the status of a POST /embed, 0 if the connection failed.
func post(c *http.Client, url, kind string, body []byte) (int, error) {
	r, err := c.Post(url+"/embed", kind, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	defer r.Body.Close()
	_, err = io.Copy(io.Discard, r.Body)
	return r.StatusCode, err
}

// setting is a service whose throughput is measured.
type setting struct {
	batch, wait string
	clients     int

	*service
	client *http.Client
	times  []time.Duration
	length time.Duration
	cpu    float64 // seconds
}

// throughput measures requests of one image each. The settings take turns of a second, so that whatever else the
// machine does concerns all of them.
func throughput(images [][]byte) error {
	settings := []*setting{{batch: "1", wait: "0", clients: 1}, {batch: "1", wait: "0", clients: *clients},
		{batch: "32", wait: "0", clients: *clients}, {batch: "32", wait: "2ms", clients: *clients},
		{batch: "32", wait: "2ms", clients: 1}}
	for _, c := range settings {
		var err error
		if c.service, err = start("--quiet", "--batch", c.batch, "--wait", c.wait); err != nil {
			return err
		}
		c.client = newClient(c.clients)
	}
	for turn := range *seconds + 1 {
		for _, c := range settings {
			if err := c.load(images, turn > 0); err != nil { // the first turn warms up
				return err
			}
		}
	}
	fmt.Printf("| --batch | --wait | clients | images/s | p50 ms | p99 ms | CPU ms an image |\n" +
		"| --- | --- | --- | --- | --- | --- | --- |\n")
	for _, c := range settings {
		if _, err := c.end(); err != nil {
			return err
		}
		slices.Sort(c.times)
		at := func(q float64) float64 { return c.times[int(q*float64(len(c.times)-1))].Seconds() * 1000 }
		n := float64(len(c.times))
		fmt.Printf("| %s | %s | %d | %.0f | %.1f | %.1f | %.2f |\n", c.batch, c.wait, c.clients, n/c.length.Seconds(),
			at(0.5), at(0.99), 1000*c.cpu/n)
	}
	return nil
}

// load asks for a second, and keeps the times of the answers.
func (c *setting) load(images [][]byte, keep bool) error {
	var mu sync.Mutex
	var all sync.WaitGroup
	var failed atomic.Int64
	var times []time.Duration
	began, cpu := time.Now(), c.processor()
	for i := range c.clients {
		all.Go(func() {
			var own []time.Duration
			for j := i; time.Since(began) < time.Second; j += c.clients {
				asked := time.Now()
				status, err := post(c.client, c.url, "image/jpeg", images[j%len(images)])
				if status != http.StatusOK || err != nil {
					failed.Add(1)
				}
				own = append(own, time.Since(asked))
			}
			mu.Lock()
			defer mu.Unlock()
			times = append(times, own...)
		})
	}
	all.Wait()
	if n := failed.Load(); n > 0 {
		return fmt.Errorf("%d requests failed", n)
	}
	if keep {
		c.times, c.length, c.cpu = append(c.times, times...), c.length+time.Since(began), c.cpu+c.processor()-cpu
	}
	return nil
}

// processor is the processor time that the service has used, in seconds.
func (s *service) processor() float64 {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.Process.Pid))
	_, rest, _ := bytes.Cut(text, []byte(") ")) // behind the name
	fields := strings.Fields(string(rest))
	if len(fields) < 13 {
		return 0
	}
	user, _ := strconv.ParseFloat(fields[11], 64)
	system, _ := strconv.ParseFloat(fields[12], 64)
	return (user + system) / 100 // in ticks, which Linux reports as hundredths
}

// abuse sends what nobody should send.
func abuse(images [][]byte) error {
	s, err := start("--quiet", "--connections", "256", "--timeout", "3s")
	if err != nil {
		return err
	}
	client := newClient(16)
	for i := range 300 { // the memory of a service that has worked
		if status, err := post(client, s.url, "", images[i%len(images)]); status != http.StatusOK {
			return fmt.Errorf("a good image: %d (%w)", status, err)
		}
	}
	fmt.Printf("| hostile clients | answers | health beside | good images beside | RSS MiB before, most, after |\n" +
		"| --- | --- | --- | --- | --- |\n")
	type part struct {
		name string
		send func() string
	}
	for _, p := range []part{
		{"1,000 malformed and oversized bodies", func() string { return malformed(s, images) }},
		{"500 connections: half a header, half a body, or nothing", func() string { return slow(s) }},
	} {
		before, most := s.resident(), 0.0
		ended := make(chan bool)
		var beside sync.WaitGroup
		var checks, sick, good, refused int
		beside.Go(func() {
			for quick := newClient(1); ; time.Sleep(100 * time.Millisecond) {
				checks++
				if !s.healthy() {
					sick++
				}
				if status, _ := post(quick, s.url, "", images[good%len(images)]); status == http.StatusOK {
					good++
				} else {
					refused++
				}
				most = max(most, s.resident())
				select {
				case <-ended:
					return
				default:
				}
			}
		})
		answers := p.send()
		close(ended)
		beside.Wait()
		time.Sleep(6 * time.Second)
		if !s.healthy() {
			return errors.New("the service is not healthy afterwards")
		}
		fmt.Printf("| %s | %s | %d of %d | %d of %d | %.0f, %.0f, %.0f |\n", p.name, answers, checks-sick, checks, good,
			good+refused, before, most, s.resident())
	}
	status, err := s.end()
	fmt.Printf("\nHealthy after each; it ended with status %d.\n", status)
	return err
}

// tally counts answers by their name.
type tally struct {
	mu     sync.Mutex
	counts map[string]int
}

func (t *tally) add(name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.counts == nil {
		t.counts = map[string]int{}
	}
	t.counts[name]++
}

func (t *tally) String() string {
	var names []string
	for name, n := range t.counts {
		names = append(names, fmt.Sprintf("%s: %d", name, n))
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

// malformed sends 1,000 bodies of ten kinds, sixteen at a time.
func malformed(s *service, images [][]byte) string {
	r := rand.New(rand.NewPCG(1, 2))
	noise := make([]byte, 1<<20)
	for i := range noise {
		noise[i] = byte(r.Uint32())
	}
	flipped := bytes.Clone(images[0])
	for range 40 {
		flipped[len(flipped)/4+r.IntN(len(flipped)/2)] ^= byte(1 + r.IntN(255))
	}
	header := []byte("P6\n20000 20000\n255\n")
	kinds := []struct {
		kind string
		body []byte
	}{
		{"", noise}, {"", images[0][:len(images[0])/2]}, {"", flipped}, {"", header}, {"", nil},
		{"", make([]byte, 17<<20)}, {"", make([]byte, 65<<20)}, {"application/json", bytes.Repeat([]byte("["), 1<<20)},
		{"application/json", []byte(`{"items": [{"image": "`)}, {"multipart/form-data; boundary=x", noise},
	}
	var t tally
	var next atomic.Int64
	var all sync.WaitGroup
	client := newClient(16)
	for range 16 {
		all.Go(func() {
			for i := next.Add(1); i <= 1000; i = next.Add(1) {
				k := kinds[i%int64(len(kinds))]
				status, err := post(client, s.url, k.kind, k.body)
				if err != nil {
					t.add("connection closed")
				} else {
					t.add(strconv.Itoa(status))
				}
			}
		})
	}
	all.Wait()
	client.CloseIdleConnections()
	return t.String()
}

// slow opens 500 connections that say too little, and waits until the service has let go of all.
func slow(s *service) string {
	starts := []string{"POST /embed HTTP/1.1\r\nHost: localhost\r\n",
		"POST /embed HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\nabc", ""}
	var t tally
	var all sync.WaitGroup
	for i := range 500 {
		c, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
		if err != nil {
			t.add("not connected")
			continue
		}
		if _, err := io.WriteString(c, starts[i%len(starts)]); err != nil {
			t.add("closed at once")
			continue
		}
		all.Go(func() {
			defer c.Close()
			_ = c.SetDeadline(time.Now().Add(time.Minute))
			r, err := http.ReadResponse(bufio.NewReader(c), nil)
			switch {
			case err == nil:
				t.add(strconv.Itoa(r.StatusCode))
			case errors.Is(err, os.ErrDeadlineExceeded):
				t.add("kept for a minute")
			default:
				t.add("closed")
			}
		})
	}
	all.Wait()
	return t.String()
}

// stop ends the service while clients ask.
func stop(images [][]byte) error {
	s, err := start()
	if err != nil {
		return err
	}
	var t tally
	var all sync.WaitGroup
	var lost atomic.Int64
	client := newClient(64)
	for i := range 64 {
		all.Go(func() {
			for j := i; ; j += 64 {
				status, err := post(client, s.url, "", images[j%len(images)])
				var dial *net.OpError
				switch {
				case errors.As(err, &dial) && dial.Op == "dial":
					t.add("connection refused")
					return
				case err != nil:
					lost.Add(1)
					return
				case status == http.StatusServiceUnavailable:
					t.add("503")
				case status == http.StatusOK:
					t.add("200")
				default:
					t.add(strconv.Itoa(status))
				}
			}
		})
	}
	time.Sleep(2 * time.Second)
	status, err := s.end()
	all.Wait()
	answered := strings.Count(s.log.String(), "path=/embed status=200 ")
	fmt.Printf("SIGTERM under 64 clients: %s; the service's log has %d answers of status 200; lost: %d; exit status "+
		"%d.\n", &t, answered, lost.Load(), status)
	if err == nil && (lost.Load() > 0 || t.counts["200"] != answered) {
		err = errors.New("requests were lost")
	}
	return err
}
