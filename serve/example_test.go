// SPDX-License-Identifier: Apache-2.0

package serve_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image"
	"image/png"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"

	"github.com/parallax-ssl/parallax/backbone"
	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/serve"
	"github.com/parallax-ssl/parallax/torch"
)

// A program of one's own that answers with features. A real one passes the directory of a run, and calls
// http.ListenAndServe; or it calls serve.Run, which also listens and stops gracefully.
func ExampleNew() {
	path, err := untrained()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(filepath.Dir(path))

	s, err := serve.New(serve.Options{Run: path, Batch: 16, Limits: serve.Limits{Pixels: 4096 * 4096}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer s.Close()
	site := httptest.NewServer(s)
	defer site.Close()

	var picture bytes.Buffer
	if err := png.Encode(&picture, image.NewGray(image.Rect(0, 0, 640, 480))); err != nil {
		fmt.Println(err)
		return
	}
	for _, body := range [][]byte{picture.Bytes(), []byte("no image")} {
		r, err := http.Post(site.URL+"/embed", "image/png", bytes.NewReader(body))
		if err != nil {
			fmt.Println(err)
			return
		}
		var answer struct {
			Embedding []float32
			Error     string
		}
		err = json.NewDecoder(r.Body).Decode(&answer)
		r.Body.Close()
		fmt.Println(r.StatusCode, len(answer.Embedding), answer.Error != "", err)
	}
	// Output:
	// 200 32 false <nil>
	// 415 0 true <nil>
}

// untrained writes an untrained network into a file, instead of a run's.
func untrained() (path string, err error) {
	dir, err := os.MkdirTemp("", "serve")
	if err != nil {
		return "", err
	}
	f, err := os.Create(filepath.Join(dir, "encoder.safetensors"))
	if err != nil {
		return "", err
	}
	defer f.Close()
	return f.Name(), torch.Scope(func() error {
		network, err := backbone.New("resnet8", 8, backbone.Small)
		if err != nil {
			return err
		}
		p := nn.NewParams(1, torch.F32)
		defer p.Free()
		network.Build(p)
		return nn.WriteStates(f, p.State(), map[string]string{
			"architecture": "resnet8", "width": "8", "stem": "small", "norm": "batch",
			"features": "32", "size": "32", "mean": "[0.5 0.5 0.5]", "std": "[0.2 0.2 0.2]",
		})
	})
}
