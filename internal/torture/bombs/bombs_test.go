// SPDX-License-Identifier: Apache-2.0

package bombs

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/parallax-ssl/parallax/augment"
	"github.com/parallax-ssl/parallax/dataset"
	"github.com/parallax-ssl/parallax/internal/machine"
)

// readEnv names the data that a child of the test reads.
const readEnv = "PARALLAX_BOMB"

func TestMain(m *testing.M) {
	if path := os.Getenv(readEnv); path != "" {
		_ = json.NewEncoder(os.Stdout).Encode(read(path))
		return
	}
	os.Exit(m.Run())
}

// outcome is what reading a data set took, and how it ended.
type outcome struct {
	Peak    uint64 // bytes
	Seconds float64
	Images  int    // that were made into views
	Refused string // why the data was refused, or one of its images
	Cache   int64  // bytes left in the cache
}

// read reads every image of a data set with eight workers, as an evaluation does.
func read(path string) (o outcome) {
	start := time.Now()
	cache, err := os.MkdirTemp("", "cache")
	if err != nil {
		panic(err)
	}
	lists, err := os.MkdirTemp("", "lists")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(cache)
	defer os.RemoveAll(lists)
	defer func() {
		o.Seconds = time.Since(start).Seconds()
		_, o.Peak = machine.Resident()
		left, _ := filepath.Glob(filepath.Join(cache, "*"))
		for _, name := range left {
			if info, err := os.Stat(name); err == nil {
				o.Cache += info.Size()
			}
		}
	}()
	s, err := dataset.Open(path, dataset.Options{CacheDir: cache})
	if err != nil {
		o.Refused = err.Error()
		return o
	}
	defer s.Close()
	list := filepath.Join(lists, "bad")
	q, _ := dataset.NewQuarantine(s.Len(), list)
	l := &dataset.Loader{Data: s, Recipes: []augment.Recipe{augment.EvalRecipe(224)}, Batch: 8, Workers: 8,
		Normalize: augment.Normalize{Mean: make([]float32, 3), Std: []float32{1, 1, 1}}, Quarantine: q}
	for b, err := range l.Sequential(context.Background()) {
		if err != nil {
			o.Refused = err.Error()
			break
		}
		o.Images += len(b.Index)
		b.Release()
	}
	if err := q.Close(); err == nil && o.Refused == "" {
		text, _ := os.ReadFile(list)
		o.Refused, _, _ = strings.Cut(string(text), "\n")
	}
	return o
}

// child reads a data set in a process of its own.
func child(t *testing.T, path string) (o outcome) {
	t.Helper()
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), readEnv+"="+path)
	out, err := c.Output()
	if err == nil {
		err = json.Unmarshal(out, &o)
	}
	if err != nil {
		t.Fatalf("reading %s: %v\n%s", path, err, out)
	}
	return o
}

// TestBombs reads the bombs and prints what that takes above a small picture. Those that take long to make are left to
// PARALLAX_BOMBS=all.
func TestBombs(t *testing.T) {
	const most = 256 << 20
	dir := t.TempDir()
	ordinary, err := honest("ordinary", 1, png(64, 64, 8, rgb, nil)).Write(dir)
	if err != nil {
		t.Fatal(err)
	}
	usual := child(t, filepath.Join(dir, ordinary))
	if usual.Images != 1 || usual.Peak == 0 {
		t.Skipf("the peak of a process is not known here: %+v", usual)
	}
	var table strings.Builder
	w := tabwriter.NewWriter(&table, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "bomb\tMiB above\tseconds\tMiB kept\timages\trefused")
	for _, b := range All() {
		if b.Large && os.Getenv("PARALLAX_BOMBS") == "" {
			continue
		}
		dir := t.TempDir()
		data, err := b.Write(dir)
		if err != nil {
			t.Fatal(err)
		}
		o := child(t, filepath.Join(dir, data))
		above := int64(o.Peak) - int64(usual.Peak)
		fmt.Fprintf(w, "%s\t%.0f\t%.2f\t%.0f\t%d\t%.100s\n", b.Name, float64(above)/(1<<20), o.Seconds-usual.Seconds,
			float64(o.Cache)/(1<<20), o.Images, o.Refused)
		if above > most {
			t.Errorf("%s: %d MiB above an ordinary picture", b.Name, above>>20)
		}
		if b.Honest && o.Refused != "" {
			t.Errorf("%s is refused: %s", b.Name, o.Refused)
		}
		if o.Cache > 0 && o.Refused != "" {
			t.Errorf("%s left %d bytes behind", b.Name, o.Cache)
		}
	}
	_ = w.Flush()
	t.Log("\n" + table.String())
}
