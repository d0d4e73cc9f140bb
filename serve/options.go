// SPDX-License-Identifier: Apache-2.0

package serve

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/parallax-ssl/parallax/internal/loopback"
	"github.com/parallax-ssl/parallax/internal/machine"
	"github.com/parallax-ssl/parallax/run"
)

// Options say what is served, where, and within which limits. A zero value is its default, except where zero is said to
// mean something.
type Options struct {
	// Run is the directory of a run, or an encoder.safetensors.
	Run string
	// Addr is HOST:PORT, by default 127.0.0.1:8080. Port 0 is any free one. A host that is not of this machine's
	// loopback needs a Token.
	Addr string
	// Token is the secret that requests must bear, in a header Authorization: Bearer TOKEN, except for /healthz,
	// /readyz and the description. It has at least 16 characters. Empty: none.
	Token string
	// Cert and Key are PEM files of a certificate and its key. With them the service speaks HTTPS.
	Cert, Key string
	// In is a file of embeddings that POST /neighbours searches, see [OpenTable]. Instead of it Neighbours is anything
	// else that can be searched. Neither: there are no neighbours.
	In         string
	Neighbours Neighbours

	// Batch is how many images go through the network at once, at most. The default is 32.
	Batch int
	// Wait is how long a batch that is not full waits for more images. Zero: not at all.
	Wait time.Duration
	// Threads is the number of the engine's threads, by default OMP_NUM_THREADS, else one per core.
	Threads int
	// Workers is how many images are decoded at once, by default one per core.
	Workers int
	// Device is cpu or cuda.
	Device string
	Limits
	// Grace is how long requests that were taken may last once the service stops, by default 30 seconds.
	Grace time.Duration

	// Log receives a line for each request and what else happens. nil: nobody.
	Log *slog.Logger
	// Listening is told the service's URL once it accepts connections. It may be nil.
	Listening func(url string)
}

// Limits bound what one request and all of them together may take.
type Limits struct {
	Body        int64         // bytes of a request's body; default 64 MiB
	File        int64         // bytes of one image file; default 16 MiB
	Pixels      int           // width x height of one image; default 2^26, a square of 8,192 pixels
	Images      int           // of one request; default 64
	Queue       int           // images that are being decoded, wait or go through the network; default 256
	Memory      int64         // bytes of bodies, images being decoded and the queue; default 1 GiB, at most half of all
	Connections int           // default 512
	Time        time.Duration // from a request's first byte to its answer; default 30 seconds
}

// Defaults are the limits where none are set.
func Defaults() Limits {
	total, _ := machine.Memory()
	return Limits{Body: 64 << 20, File: 16 << 20, Pixels: 1 << 26, Images: 64, Queue: 256,
		Memory: int64(min(1<<30, total/2)), Connections: 512, Time: 30 * time.Second}
}

const (
	// DefaultAddr is where the service listens if Options.Addr is empty.
	DefaultAddr = "127.0.0.1:8080"
	// DefaultBatch, DefaultWait and DefaultGrace are what parallax serve uses. [Options] says what they are.
	DefaultBatch = 32
	DefaultWait  = 2 * time.Millisecond
	DefaultGrace = 30 * time.Second

	leastToken = 16
)

// withDefaults fills what is zero.
func (o Options) withDefaults() Options {
	l := Defaults()
	o.Addr, o.Batch, o.Grace = cmp.Or(o.Addr, DefaultAddr), cmp.Or(o.Batch, DefaultBatch), cmp.Or(o.Grace, DefaultGrace)
	o.Threads = cmp.Or(o.Threads, machine.Threads())
	o.Workers = cmp.Or(o.Workers, machine.Workers())
	o.Device = cmp.Or(o.Device, "cpu")
	o.Body, o.File, o.Pixels = cmp.Or(o.Body, l.Body), cmp.Or(o.File, l.File), cmp.Or(o.Pixels, l.Pixels)
	o.Images, o.Queue = cmp.Or(o.Images, l.Images), cmp.Or(o.Queue, l.Queue)
	o.Memory, o.Time = cmp.Or(o.Memory, l.Memory), cmp.Or(o.Time, l.Time)
	o.Connections = cmp.Or(o.Connections, l.Connections)
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

// check refuses options that cannot be meant.
func (o *Options) check() error {
	if o.Run == "" {
		return errors.New("nothing to serve: give --run a run's directory or an encoder.safetensors")
	}
	for _, b := range []struct {
		what             string
		got, least, most int64
	}{
		{"--batch", int64(o.Batch), 1, 4096},
		{"--threads", int64(o.Threads), 1, 4096},
		{"--workers", int64(o.Workers), 1, 4096},
		{"--max-images", int64(o.Images), 1, 10_000},
		{"--max-pixels", int64(o.Pixels), 1, 1 << 28},
		{"--queue", int64(o.Queue), 1, 1 << 20},
		{"--connections", int64(o.Connections), 1, 1 << 20},
	} {
		if b.got < b.least || b.got > b.most {
			return fmt.Errorf("%s is %d: it must be from %d to %d", b.what, b.got, b.least, b.most)
		}
	}
	for _, b := range []struct {
		what             string
		got, least, most time.Duration
	}{
		{"--wait", o.Wait, 0, time.Second},
		{"--timeout", o.Time, 10 * time.Millisecond, time.Hour},
		{"--grace", o.Grace, time.Millisecond, time.Hour},
	} {
		if b.got < b.least || b.got > b.most {
			return fmt.Errorf("%s is %v: it must be from %v to %v", b.what, b.got, b.least, b.most)
		}
	}
	for _, b := range []struct {
		what             string
		got, least, most int64
	}{
		{"--max-body", o.Body, 1 << 10, 1 << 40},
		{"--max-file", o.File, 1 << 10, o.Body},
		{"--memory", o.Memory, 64 << 20, 1 << 50},
	} {
		if b.got < b.least || b.got > b.most {
			return fmt.Errorf("%s is %s: it must be from %s to %s", b.what, humanize.IBytes(uint64(max(b.got, 0))),
				humanize.IBytes(uint64(b.least)), humanize.IBytes(uint64(b.most)))
		}
	}
	if o.In != "" && o.Neighbours != nil {
		return errors.New("there are two tables to search: give one")
	}
	if o.Images > o.Queue {
		return fmt.Errorf("--max-images is %d and --queue %d: a request of that many images would never fit", o.Images,
			o.Queue)
	}
	if (o.Cert == "") != (o.Key == "") {
		return errors.New("--tls-cert and --tls-key go together: give both or neither")
	}
	if o.Cert != "" {
		if _, err := tls.LoadX509KeyPair(o.Cert, o.Key); err != nil {
			return fmt.Errorf("the certificate and its key cannot be used: %w", err)
		}
	}
	return o.checkAccess()
}

// checkAccess refuses a service that strangers could use.
func (o *Options) checkAccess() error {
	host, _, err := net.SplitHostPort(o.Addr)
	if err != nil {
		return fmt.Errorf("--addr %q: give HOST:PORT, such as %s", o.Addr, DefaultAddr)
	}
	if strings.ContainsFunc(o.Token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return errors.New("the token has spaces, or characters that are not ASCII: a header cannot carry it")
	}
	if o.Token != "" && len(o.Token) < leastToken {
		return fmt.Errorf("the token has %d characters: give at least %d, for example by  openssl rand -hex 16",
			len(o.Token), leastToken)
	}
	if o.Token == "" && !loopback.Is(host) {
		return fmt.Errorf("--addr %s can be reached from other machines: give a token, in --token-file or "+
			"$PARALLAX_TOKEN, or listen on 127.0.0.1", o.Addr)
	}
	return nil
}

// Neighbours finds the rows of a table of embeddings that are most similar to vectors.
type Neighbours interface {
	// Query returns, for each vector, at most k rows, the most similar first. It may be called by many goroutines. The
	// vectors have as many values as the encoder has features.
	Query(ctx context.Context, vectors [][]float32, k int) ([][]Match, error)
}

// Match is a row of a table of embeddings.
type Match struct {
	Path       string  `json:"path"`
	Similarity float32 `json:"similarity"` // cosine, -1 to 1
}

func invalid(err error) error { return run.Invalid(err) }
