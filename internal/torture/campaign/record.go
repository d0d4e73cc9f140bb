// SPDX-License-Identifier: Apache-2.0

package campaign

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Figures is what the last whole run of a part showed: a row of docs/reliability.md.
type Figures struct {
	Result
	About   string `json:"about"`
	Date    string `json:"date"`
	Commit  string `json:"commit"`
	Machine string `json:"machine"`
}

// Record writes a part's figures into the file at path, in place of older ones.
func Record(b *Bench, path string, p Part, r Result) error {
	all, err := ReadFigures(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if all == nil {
		all = map[string]Figures{}
	}
	r.Seconds = float64(int(r.Seconds))
	all[p.Name] = Figures{r, p.About, time.Now().Format(time.DateOnly), commit(b.Root), machine()}
	text, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o666)
}

// ReadFigures reads the figures of all parts, by name.
func ReadFigures(path string) (all map[string]Figures, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return all, json.Unmarshal(text, &all)
}

// commit is the commit of the work tree, with a plus sign if files differ from it.
func commit(root string) string {
	c := exec.Command("git", "describe", "--always", "--dirty=+", "--exclude=*", "--abbrev=7")
	c.Dir = root
	out, err := c.Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(out))
}

// machine is the processor and the number of cores.
func machine() string {
	name := runtime.GOOS + " " + runtime.GOARCH
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		if found := regexp.MustCompile(`(?m)^model name\s*:\s*(.*)$`).FindSubmatch(text); found != nil {
			name = string(found[1])
		}
	}
	return fmt.Sprintf("%s, %d cores", name, runtime.NumCPU())
}

// Details are the figures of a result in words.
func (r Result) Details() string {
	if r.Skip != "" {
		return "not tried here: " + r.Skip
	}
	var all []string
	for _, name := range slices.Sorted(maps.Keys(r.Count)) {
		all = append(all, fmt.Sprintf("%s %d", name, r.Count[name]))
	}
	for _, name := range slices.Sorted(maps.Keys(r.Most)) {
		all = append(all, fmt.Sprintf("%s at most %s", name, strconv.FormatFloat(r.Most[name], 'g', 4, 64)))
	}
	return strings.Join(all, ", ")
}

// Tried is the number of cases, of an interrupted part also of how many.
func (r Result) Tried() string {
	if r.Of > 0 {
		return fmt.Sprintf("%d of %d", r.Cases, r.Of)
	}
	return strconv.Itoa(r.Cases)
}

func (r Result) String() string {
	return fmt.Sprintf("%s: %s cases, %d faults: %s", r.Part, r.Tried(), len(r.Faults), r.Details())
}

// Table shows results as a table in Markdown.
func Table(all []Result) string {
	var b strings.Builder
	b.WriteString("| part | cases | faults | figures |\n| --- | --- | --- | --- |\n")
	for _, r := range all {
		fmt.Fprintf(&b, "| %s | %s | %d | %s |\n", r.Part, r.Tried(), len(r.Faults), r.Details())
	}
	return b.String()
}
