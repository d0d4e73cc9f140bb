// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"image"
	"image/png"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"

	"github.com/parallax-ssl/parallax/embedding"
)

// serves SIGNAL STATUS: every example in the help of serve runs, on a free port. Clients ask it without a pause, it
// gets the signal, answers all that it took, and ends with the status.
func serves(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: serves SIGNAL STATUS")
	}
	certificate(ts)
	for line := range strings.Lines(serveCommand().Example) {
		words := strings.Fields(line)
		if at := slices.Index(words, "--addr"); at >= 0 {
			host, _, err := net.SplitHostPort(words[at+1])
			ts.Check(err)
			words[at+1] = host + ":0"
		} else {
			words = append(words, "--addr", "127.0.0.1:0")
		}
		ts.Logf("> %s", strings.Join(words, " "))
		served(ts, words, args[0], args[1])
	}
}

// served runs the command line of a service under load.
func served(ts *testscript.TestScript, words []string, signal, status string) {
	program, err := exec.LookPath(words[0])
	ts.Check(err)
	c := exec.Command(program, append(words[1:], "--threads", "1")...)
	var said bytes.Buffer
	c.Dir, c.Stderr = ts.MkAbs("."), &said
	c.Env = append(os.Environ(), "PARALLAX_SHIM="+ts.Getenv("PARALLAX_SHIM"), "LIBTURBOJPEG="+ts.Getenv("LIBTURBOJPEG"))
	out, err := c.StdoutPipe()
	ts.Check(err)
	ts.Check(c.Start())
	url, err := bufio.NewReader(out).ReadString('\n')
	url = strings.TrimSpace(url)
	if err != nil {
		c.Wait()
		ts.Fatalf("it printed no URL (%v):\n%s", err, said.String())
	}
	token := ""
	if slices.Contains(words, "--token-file") {
		token = strings.TrimSpace(ts.ReadFile("token"))
	}
	// A service on all addresses is asked on this one.
	url = strings.Replace(url, "[::]", "127.0.0.1", 1)
	client := &http.Client{Timeout: time.Minute, Transport: &http.Transport{MaxIdleConnsPerHost: 8,
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	var picture bytes.Buffer
	ts.Check(png.Encode(&picture, image.NewRGBA(image.Rect(0, 0, 20, 20))))
	var last atomic.Value // the text of an answer
	ask := func(method, path string, body []byte) (int, error) {
		r, err := http.NewRequest(method, url+path, bytes.NewReader(body))
		if err != nil {
			return 0, err
		}
		if token != "" {
			r.Header.Set("Authorization", "Bearer "+token)
		}
		a, err := client.Do(r)
		if err != nil {
			return 0, err
		}
		defer a.Body.Close()
		text, err := io.ReadAll(a.Body)
		last.Store(string(text))
		return a.StatusCode, err
	}
	if slices.Contains(words, "--in") {
		got, err := ask("POST", "/neighbours?k=1", picture.Bytes())
		want := `{"neighbours":[{"path":"a/b.png","similarity":`
		if got != http.StatusOK || !strings.Contains(last.Load().(string), want) {
			c.Process.Kill()
			ts.Fatalf("/neighbours: %d %s (%v):\n%s", got, last.Load(), err, said.String())
		}
	}
	for _, path := range []string{"/healthz", "/readyz", "/metrics", "/openapi.json", "/docs/"} {
		if got, err := ask("GET", path, nil); got != http.StatusOK {
			c.Process.Kill()
			ts.Fatalf("%s: %d (%v):\n%s", path, got, err, said.String())
		}
	}
	var answered, lost atomic.Int64
	var why sync.Map
	var clients sync.WaitGroup
	for range 8 {
		clients.Go(func() {
			for {
				got, err := ask("POST", "/embed", picture.Bytes())
				var network *net.OpError
				switch {
				case got == http.StatusOK && err == nil:
					answered.Add(1)
				case got == http.StatusServiceUnavailable: // it says that it did not take the request
				case errors.As(err, &network) && network.Op == "dial":
					return
				default:
					lost.Add(1)
					why.Store(fmt.Sprint(got, err), true)
					return
				}
			}
		})
	}
	deadline := time.Now().Add(time.Minute)
	for ; answered.Load() < 100 && lost.Load() == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			break
		}
	}
	table(ts, last.Load().(string))
	ts.Check(c.Process.Signal(unix.SignalNum("SIG" + signal)))
	err = c.Wait()
	clients.Wait()
	checkStatus(ts, err, status)
	if n := int64(strings.Count(said.String(), "path=/embed status=200 ")); n != answered.Load() || n < 100 ||
		lost.Load() > 0 {
		var reasons []string
		why.Range(func(k, _ any) bool { reasons = append(reasons, k.(string)); return true })
		ts.Fatalf("the service gave %d answers, its clients got %d, and %d requests were lost: %q", n, answered.Load(),
			lost.Load(), reasons)
	}
	if !strings.Contains(said.String(), "msg=stopped") || strings.Contains(said.String(), "level=ERROR") {
		ts.Fatalf("its log:\n%.2000s", said.String())
	}
	if token != "" && strings.Contains(said.String(), token) {
		ts.Fatalf("the token is in the log")
	}
}

// table writes photos.parquet with the row of an answer, for the example that searches it.
func table(ts *testscript.TestScript, answer string) {
	var read struct{ Embedding []float32 }
	if json.Unmarshal([]byte(answer), &read) != nil || len(read.Embedding) == 0 {
		return // it was not an embedding
	}
	w, err := embedding.Create(ts.MkAbs("photos.parquet"), embedding.Options{Dim: len(read.Embedding)})
	ts.Check(err)
	ts.Check(w.Write(embedding.Row{Path: "a/b.png", Status: embedding.OK, Vector: read.Embedding}))
	ts.Check(w.Close())
}

// certificate writes cert.pem, key.pem and token.
func certificate(ts *testscript.TestScript) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	ts.Check(err)
	of := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	cert, err := x509.CreateCertificate(rand.Reader, of, of, &key.PublicKey, key)
	ts.Check(err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	ts.Check(err)
	for name, text := range map[string][]byte{
		"cert.pem": pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}),
		"key.pem":  pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}),
		"token":    []byte("a-token-of-a-test-1234\n"),
	} {
		ts.Check(os.WriteFile(ts.MkAbs(name), text, 0o600))
	}
}
