// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"syscall"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/parallax-ssl/parallax/internal/exit"
	"github.com/parallax-ssl/parallax/serve"
)

// tokenVariable is the environment variable with the token.
const tokenVariable = "PARALLAX_TOKEN"

func serveCommand() *cobra.Command {
	var o serve.Options
	var tokenFile, form string
	quiet := false
	c := &cobra.Command{
		Use:   "serve --run DIR|FILE [--addr HOST:PORT]",
		Short: "Answer HTTP requests with the features of images",
		Long: `Serve answers HTTP requests with the features of images, by the encoder of a run. POST /embed takes an
image as the body, several as parts of a form, or a JSON document with images in base64:

  curl --data-binary @a.jpg http://127.0.0.1:8080/embed
  curl -F image=@a.jpg -F image=@b.png http://127.0.0.1:8080/embed

With several images the answer has an item for each, with a status of its own. An image that cannot be
read costs nothing but its own item. With --in, POST /neighbours answers with the rows of a file of
embeddings that are most similar to an image: their paths and cosines. GET /docs/ shows the
whole interface in a browser, /openapi.json describes it, /healthz embeds a picture, /readyz says whether
requests are taken, and /metrics is for Prometheus.

Images that arrive within --wait of each other go through the network together, up to --batch of them.
What exceeds a limit is refused at once: 413 for what is too large, 429 for what finds no place.

On an address that other machines can reach a token is needed, in --token-file or $PARALLAX_TOKEN, and
requests send it in the header Authorization: Bearer TOKEN. On the loopback, requests with the name of
another host are refused, so that no web page can use the service through a browser.

A signal stops the service: it takes no more requests and answers those that it took, for --grace. The
log goes to standard error, a line for each request; the URL goes to standard output.` +
			statuses(exit.Engine, exit.Memory, exit.Output, exit.OfSignal(syscall.SIGHUP),
				exit.OfSignal(syscall.SIGINT), exit.OfSignal(syscall.SIGQUIT), exit.OfSignal(syscall.SIGTERM),
				exit.OfSignal(syscall.SIGXCPU)),
		Example: `  parallax serve --run runs/simclr-1
  parallax serve --run runs/simclr-1 --in photos.parquet
  parallax serve --run runs/simclr-1/encoder.safetensors --addr 127.0.0.1:0 --batch 64 --wait 5ms
  parallax serve --run runs/simclr-1 --addr 0.0.0.0:8443 --token-file token --tls-cert cert.pem --tls-key key.pem`,
		Args: noArguments, PreRunE: enough,
		RunE: func(c *cobra.Command, _ []string) error {
			err := noZeros(c.Flags())
			if err != nil {
				return usage(err)
			}
			if o.Token, err = token(tokenFile); err != nil {
				return usage(err)
			}
			if o.Log, err = logTo(c.ErrOrStderr(), form, quiet); err != nil {
				return usage(err)
			}
			o.Listening = func(url string) { fmt.Fprintln(c.OutOrStdout(), url) }
			outliveReader()     // nobody need read the log
			tidying.Store(true) // a signal ends the context
			defer tidying.Store(false)
			return serve.Run(c.Context(), o)
		},
	}
	o.Limits, o.Addr, o.Batch, o.Wait, o.Grace = serve.Defaults(), serve.DefaultAddr, serve.DefaultBatch,
		serve.DefaultWait, serve.DefaultGrace
	o.Memory = 0 // which depends on the machine, and the help does not
	fl := c.Flags()
	fl.StringVar(&o.Run, "run", "", "the run's directory, or an encoder's file (see parallax import)")
	fl.StringVar(&o.Addr, "addr", o.Addr, "address to listen on; port 0 is any free one")
	fl.StringVar(&o.In, "in", "", "file of embeddings that POST /neighbours searches, as parallax embed writes it")
	fl.StringVar(&tokenFile, "token-file", "", "file with the token that requests must bear; default $"+tokenVariable)
	fl.StringVar(&o.Cert, "tls-cert", "", "PEM file of the certificate, for HTTPS")
	fl.StringVar(&o.Key, "tls-key", "", "PEM file of the certificate's key")
	fl.IntVar(&o.Batch, "batch", o.Batch, "images that go through the network at once, at most")
	fl.DurationVar(&o.Wait, "wait", o.Wait, "time that a batch which is not full waits for more images; 0 for none")
	fl.Var((*size)(&o.Body), "max-body", "size of a request's body, at most")
	fl.Var((*size)(&o.File), "max-file", "size of one image file, at most")
	fl.IntVar(&o.Pixels, "max-pixels", o.Pixels, "width x height of one image, at most")
	fl.IntVar(&o.Images, "max-images", o.Images, "images of one request, at most")
	fl.IntVar(&o.Queue, "queue", o.Queue, "images that are decoded, wait or are computed at one time, at most")
	fl.Var((*size)(&o.Memory), "memory",
		"what bodies, images that are decoded and the queue may take; default 1GiB, at most half of the machine's")
	fl.IntVar(&o.Connections, "connections", o.Connections, "open connections, at most")
	fl.DurationVar(&o.Time, "timeout", o.Time, "time for a request, from its first byte to its answer")
	fl.DurationVar(&o.Grace, "grace", o.Grace, "time for the requests that were taken once the service stops")
	fl.StringVar(&o.Device, "device", "", "cpu or cuda; default cpu")
	fl.IntVar(&o.Threads, "threads", 0, "threads of the engine; default one per core")
	fl.IntVar(&o.Workers, "workers", 0, "images that are decoded at once; default one per core")
	fl.StringVar(&form, "log", "text", "form of the log: text or json")
	fl.BoolVar(&quiet, "quiet", false, "log no requests, only warnings and errors")
	c.RegisterFlagCompletionFunc("log", cobra.FixedCompletions([]string{"text", "json"},
		cobra.ShellCompDirectiveNoFileComp))
	return c
}

// noZeros refuses limits of 0. In the options of the library 0 is the default, which nobody means who types it.
func noZeros(flags *pflag.FlagSet) (err error) {
	flags.Visit(func(f *pflag.Flag) {
		switch f.Name {
		case "wait", "threads", "workers":
			return
		}
		if v := f.Value.String(); err == nil && slices.Contains([]string{"0", "0s"}, v) {
			err = fmt.Errorf("--%s is 0: leave it out, or give more", f.Name)
		}
	})
	return err
}

// size is a flag's number of bytes, such as 64MiB.
type size int64

// String returns the size as people write it.
func (s *size) String() string {
	if *s == 0 {
		return "0"
	}
	return humanize.IBytes(uint64(*s))
}

// Set reads a size.
func (s *size) Set(text string) error {
	n, err := humanize.ParseBytes(text)
	if err == nil && n > 1<<62 {
		err = errors.New("too large")
	}
	*s = size(n)
	return err
}

// Type is what a mistake is said not to be.
func (s *size) Type() string { return "size" }

// token reads the token from a file, or else from the environment.
func token(file string) (string, error) {
	if file == "" {
		return os.Getenv(tokenVariable), nil
	}
	f, err := os.Open(file)
	if err != nil {
		return "", fmt.Errorf("reading the token: %w", err)
	}
	defer f.Close()
	const most = 4096
	text, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && len(text) > most {
		err = fmt.Errorf("%s has more than %d bytes", file, most)
	}
	if text = bytes.TrimSpace(text); err == nil && len(text) == 0 {
		err = fmt.Errorf("%s is empty", file)
	}
	if err != nil {
		return "", fmt.Errorf("reading the token: %w", err)
	}
	return string(text), nil
}

// logTo returns a log that goes to w.
func logTo(w io.Writer, form string, quiet bool) (*slog.Logger, error) {
	options := &slog.HandlerOptions{}
	if quiet {
		options.Level = slog.LevelWarn
	}
	switch form {
	case "text":
		return slog.New(slog.NewTextHandler(w, options)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(w, options)), nil
	}
	return nil, fmt.Errorf("--log is %q: it must be text or json", form)
}
