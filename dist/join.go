// SPDX-License-Identifier: Apache-2.0

package dist

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/parallax-ssl/parallax/torch"
)

// Processes are those that share a run, as one of them sees them. A nil value is one process alone.
type Processes struct {
	Place
	Group *torch.Group // nil if there is only one

	neighbours []*torch.Group // that were opened

	store   *torch.Store
	scratch string // the folder of a store in a file, "" for another one
	wait    time.Duration
	prefix  string // of the keys: a store may outlive a restart of the processes
	end     context.CancelFunc
	beats   sync.WaitGroup
	once    sync.Once
	broken  bool           // this process has failed
	said    map[string]int // how many values of a series were published or read
}

// DefaultWait is how long a process waits for the others.
const DefaultWait = 10 * time.Minute

// The rhythm in which a process shows that it is alive, and how long a beat may be overdue before the process counts as
// gone. One that is stopped for a minute is not gone if it goes on within the wait.
const (
	beat    = time.Second
	overdue = 4 * beat
)

// joined counts how often this process has joined others. They join equally often, so the number tells their runs
// apart.
var joined atomic.Int64

// ErrLost is wrapped by an error that says which of the other processes is gone.
var ErrLost = errors.New("another process of the run is gone")

// LostError says which other process is gone.
type LostError struct {
	Text string
	Said bool // the process had said why it ended, and Text has its words
	Err  error
}

func (e *LostError) Error() string { return e.Text }

// Unwrap returns ErrLost and the error of the exchange.
func (e *LostError) Unwrap() []error { return []error{ErrLost, e.Err} }

// Join meets the other processes and returns when all have come. wait is how long each may keep the others waiting, now
// and later; 0 is [DefaultWait]. Close the result after use.
func Join(ctx context.Context, place Place, wait time.Duration) (*Processes, error) {
	if wait == 0 {
		wait = DefaultWait
	}
	if err := place.check(); err != nil {
		return nil, err
	}
	store, err := torch.OpenStore(torch.StoreOptions{
		Host: place.Host, Port: place.Port, Serve: place.Rank == 0 && !place.Served, Wait: wait,
	})
	if err != nil {
		return nil, fmt.Errorf("%s: joining the other processes at %s: %w", place.String(),
			net.JoinHostPort(place.Host, strconv.Itoa(place.Port)), err)
	}
	p := &Processes{Place: place, store: store, wait: wait, said: map[string]int{},
		prefix: fmt.Sprintf("parallax/%s/%d/%d/", place.RunID, place.Restart, joined.Add(1))}
	beating, end := context.WithCancel(context.WithoutCancel(ctx))
	p.end = end
	p.beats.Go(func() { p.beat(beating) })
	if err := p.meet(ctx); err != nil {
		p.Close()
		return nil, err
	}
	return p, nil
}

// Alone is one process that exchanges with itself as several would with one another, so that its exchanges can be
// counted. Close the result after use.
func Alone() (*Processes, error) {
	dir, err := os.MkdirTemp("", "parallax-alone-")
	if err != nil {
		return nil, err
	}
	store, err := torch.OpenStore(torch.StoreOptions{
		File: filepath.Join(dir, "store"), Processes: 1, Wait: DefaultWait,
	})
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	p := &Processes{Place: Place{Processes: 1, LocalProcesses: 1}, store: store, wait: DefaultWait,
		said: map[string]int{}, end: func() {}, scratch: dir}
	if p.Group, err = p.group("alone", 0, 1); err != nil {
		p.Close()
		return nil, err
	}
	return p, nil
}

// meet waits for every process and makes the group.
func (p *Processes) meet(ctx context.Context) error {
	name, _ := os.Hostname()
	if err := p.store.Set(p.key("name", p.Rank), fmt.Sprintf("%s, pid %d", name, os.Getpid())); err != nil {
		return err
	}
	limit := time.Now().Add(p.wait)
	for rank := range p.Processes() {
		for {
			_, err := p.store.Get(p.key("name", rank), min(beat, time.Until(limit)))
			if err == nil {
				break
			}
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if time.Now().After(limit) {
				return p.lost(false, err, "process %d of %d has not come within %v: see its own output, or give a "+
					"longer --timeout", rank, p.Processes(), p.wait)
			}
			if has, down := p.store.Has(p.key("name", p.Rank)); down != nil || !has {
				return p.storeless(down)
			}
		}
	}
	if p.Processes() == 1 {
		return nil
	}
	g, err := p.group("group", p.Rank, p.Processes())
	p.Group = g
	return err
}

// group opens a group of n processes, of which this one is number rank.
func (p *Processes) group(name string, rank, n int) (g *torch.Group, err error) {
	host, err := p.address()
	if err != nil {
		return nil, err
	}
	err = torch.Scope(func() error {
		g = torch.OpenGroup(p.store, torch.GroupOptions{Name: p.prefix + name, Rank: rank, Processes: n, Host: host,
			Wait: p.wait})
		return nil
	})
	return g, p.Explain(err)
}

// address is where the other processes reach this one: the loopback if all are on one machine, else the address of the
// interface that GLOO_SOCKET_IFNAME names, or of the one that leads to the store.
func (p *Processes) address() (string, error) {
	if p.LocalProcesses == p.Processes() {
		return "127.0.0.1", nil
	}
	if name := os.Getenv("GLOO_SOCKET_IFNAME"); name != "" {
		i, err := net.InterfaceByName(name)
		if err != nil {
			return "", fmt.Errorf("GLOO_SOCKET_IFNAME is %.40q: %w", name, err)
		}
		addresses, err := i.Addrs()
		if err != nil {
			return "", err
		}
		for _, a := range addresses {
			if n, ok := a.(*net.IPNet); ok && n.IP.To4() != nil {
				return n.IP.String(), nil
			}
		}
		return "", fmt.Errorf("GLOO_SOCKET_IFNAME is %.40q, an interface without an IPv4 address", name)
	}
	c, err := net.Dial("udp", net.JoinHostPort(p.Host, strconv.Itoa(p.Port))) // sends nothing
	if err != nil {
		return "", fmt.Errorf("finding the address of this machine towards %s: %w", p.Host, err)
	}
	defer c.Close()
	host, _, err := net.SplitHostPort(c.LocalAddr().String())
	return host, err
}

// Neighbours returns the group of the n neighbouring processes of which this is one: the first n, the next n and so on.
// n divides the number of processes. It is nil for 1. All processes call it equally often.
func (p *Processes) Neighbours(n int) (*torch.Group, error) {
	switch {
	case p == nil:
		return nil, nil
	case n == p.Processes():
		return p.Group, nil
	case n == 1:
		return nil, nil
	}
	g, err := p.group(fmt.Sprintf("neighbours/%d/%d", n, p.Rank/n), p.Rank%n, n)
	if err == nil {
		p.neighbours = append(p.neighbours, g)
	}
	return g, err
}

// Chief reports whether this process writes the run directory.
func (p *Processes) Chief() bool { return p == nil || p.Rank == 0 }

// Processes is how many there are.
func (p *Processes) Processes() int {
	if p == nil {
		return 1
	}
	return p.Place.Processes
}

// Shared is the group, nil for one process alone.
func (p *Processes) Shared() *torch.Group {
	if p == nil {
		return nil
	}
	return p.Group
}

func (p *Processes) key(name string, rank int) string { return fmt.Sprint(p.prefix, name, "/", rank) }

// beat shows that this process is alive, until ctx ends.
func (p *Processes) beat(ctx context.Context) {
	tick := time.NewTicker(beat)
	defer tick.Stop()
	for {
		if _, err := p.store.Add(p.key("alive", p.Rank), 1); err != nil {
			return // the store is gone: whoever waits for it will say so
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// kept is how many published texts stay in the store.
const kept = 8

// Publish leaves a text for the other processes, which each of them gets once from [Processes.Read], in the order of
// the texts. Only the chief publishes.
func (p *Processes) Publish(name, text string) error {
	n := p.said[name]
	p.said[name]++
	if err := p.store.Set(p.key(name, n), text); err != nil {
		return p.Explain(err)
	}
	if n >= kept { // the processes exchange tensors more often than that, so all have read it
		_, _ = p.store.Delete(p.key(name, n-kept))
	}
	return nil
}

// Read waits for the next text that the chief publishes under a name, however long it takes, as long as the chief is
// alive.
func (p *Processes) Read(name string) (string, error) {
	key := p.key(name, p.said[name])
	p.said[name]++
	beats, since := -1, time.Now()
	for {
		text, err := p.store.Get(key, beat)
		if err == nil {
			return text, nil
		}
		now, down := p.store.Add(p.key("alive", 0), 0)
		if down != nil {
			return "", p.Explain(down)
		}
		if now != beats {
			beats, since = now, time.Now()
		}
		reason, _ := p.reason(0)
		if reason != "" || time.Since(since) > p.wait {
			return "", p.Explain(err)
		}
	}
}

// Remember leaves a text for the processes that the launcher starts in place of these, after one has failed.
func (p *Processes) Remember(name, text string) error {
	if p == nil {
		return nil
	}
	return p.store.Set(p.lasting(name), text)
}

// Remembered returns what was remembered, by this process or one before a restart; "" for nothing.
func (p *Processes) Remembered(name string) (string, error) {
	if p == nil {
		return "", nil
	}
	return p.noted(p.lasting(name))
}

// lasting is a key that outlives a restart, where the launcher serves the store.
func (p *Processes) lasting(name string) string {
	return fmt.Sprintf("parallax/%s/lasting/%s", p.RunID, name)
}

// Failed tells the other processes why this one ends.
func (p *Processes) Failed(err error) {
	if p == nil || err == nil || errors.Is(err, ErrLost) {
		return
	}
	p.broken = true
	_ = p.store.Set(p.key("failed", p.Rank), strings.ReplaceAll(err.Error(), "\x00", ""))
}

// reason is what a process said of its end; "" if it said nothing.
func (p *Processes) reason(rank int) (string, error) { return p.noted(p.key("failed", rank)) }

// noted is the text under a key, "" if there is none; it does not wait for one.
func (p *Processes) noted(key string) (string, error) {
	has, err := p.store.Has(key)
	if err != nil || !has {
		return "", err
	}
	return p.store.Get(key, beat)
}

// Explain returns an error that says which other process is the cause of err, if that is of an exchange that failed:
// one that said why it ended, or one whose beats have stopped. It takes some seconds. Other errors stay as they are.
func (p *Processes) Explain(err error) error {
	failed := (*torch.Error)(nil)
	if p == nil || !errors.As(err, &failed) || errors.Is(err, ErrLost) || failed.Op != "Store" && !failed.Exchange() {
		return err
	}
	alive, down := p.beatsOf()
	for limit := time.Now().Add(overdue); down == nil && time.Now().Before(limit); time.Sleep(beat / 4) {
		for rank := range p.Processes() {
			var reason string
			if reason, down = p.reason(rank); reason != "" && rank != p.Rank {
				return p.lost(true, err, "process %d of %d (%s) has ended: %s", rank, p.Processes(), p.name(rank),
					reason)
			}
		}
	}
	now, failing := p.beatsOf()
	if down != nil || failing != nil {
		return p.storeless(err)
	}
	var gone []string
	for rank := range alive {
		if rank != p.Rank && now[rank] == alive[rank] {
			gone = append(gone, fmt.Sprintf("process %d of %d (%s)", rank, p.Processes(), p.name(rank)))
		}
	}
	switch len(gone) {
	case 0:
		return fmt.Errorf("an exchange between the processes failed, though all of them are alive: %w", err)
	case 1:
		return p.lost(false, err, "%s has not been heard of for %v", gone[0], overdue)
	}
	return p.lost(false, err, "%s have not been heard of for %v", strings.Join(gone, " and "), overdue)
}

// lost makes a [LostError].
func (p *Processes) lost(said bool, err error, format string, args ...any) error {
	return &LostError{Text: fmt.Sprintf(format, args...), Said: said, Err: err}
}

// storeless is the error of a store that is gone.
func (p *Processes) storeless(err error) error {
	by := fmt.Sprintf("process 0 (on %s)", p.Host)
	if p.Served {
		by = p.Launcher
	}
	return p.lost(false, err, "%s is gone: the processes' store at %s, which it served, does not answer", by,
		net.JoinHostPort(p.Host, strconv.Itoa(p.Port)))
}

// beatsOf returns how often each process has shown that it is alive.
func (p *Processes) beatsOf() (beats []int, err error) {
	for rank := range p.Processes() {
		n, err := p.store.Add(p.key("alive", rank), 0)
		if err != nil {
			return nil, err
		}
		beats = append(beats, n)
	}
	return beats, nil
}

// name is the machine and the number of a process.
func (p *Processes) name(rank int) string {
	name, err := p.store.Get(p.key("name", rank), beat)
	if err != nil {
		return "unknown"
	}
	return name
}

// ending is how long the process that serves the store waits for the others, which may still be reading it.
const ending = 10 * time.Second

// leave waits until the others need the store no more, if this process serves it.
func (p *Processes) leave() {
	n, err := p.store.Add(p.key("left", 0), 1)
	for limit := time.Now().Add(ending); err == nil && p.Rank == 0 && !p.Served && n < p.Processes() &&
		time.Now().Before(limit); time.Sleep(20 * time.Millisecond) {
		n, err = p.store.Add(p.key("left", 0), 0)
	}
}

// part ends the groups.
func (p *Processes) part() {
	_ = torch.Scope(func() error {
		for _, g := range append(p.neighbours, p.Group) {
			g.Close()
		}
		return nil
	})
}

// Close leaves the others.
func (p *Processes) Close() {
	if p == nil {
		return
	}
	p.once.Do(func() {
		if p.broken { // the others may wait for this process in an exchange, and notice its end by that of the groups
			p.part()
			p.leave()
		} else {
			p.leave()
			p.part()
		}
		p.end()
		p.beats.Wait()
		_ = p.store.Close()
		if p.scratch != "" {
			_ = os.RemoveAll(p.scratch)
		}
	})
}
