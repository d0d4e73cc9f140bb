// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestList(t *testing.T) {
	for _, c := range []struct{ name, text, want, summary string }{
		{"list.csv", "path,label,split\na.png,cat,train\nd/b.png,dog,train\nc.png,cat,valid\n",
			"a.png=cat d/b.png=dog", "split train of train (2) and val (1), by the column with splits in list.csv"},
		{"list.csv", "id,split,file_name,class\n1,,c.png,3\n2,,a.png,10\n", "a.png=10 c.png=3", "from list.csv"},
		{"list.csv", "a.png,cat\n\nc.png,\"dog, big\"\n", "a.png=cat c.png=dog, big", "no splits"},
		{"list.csv", "path;label\na.png;x\nd/b.png;y\n", "a.png=x d/b.png=y", ""},
		{"list.tsv", "image\ttarget\na.png\tx\nd/b.png\ty\n", "a.png=x d/b.png=y", ""},
		{"list.csv", "\ufeffpath\r\n./a.png\r\na.png\r\n", "a.png", "without labels"},
		{"list.jsonl", `{"file_name": "a.png", "label": 10, "x": [1]}` + "\n\n" +
			`{"file_name": "c.png", "label": 9, "split": null}` + "\n", "a.png=10 c.png=9", ""},
		{"list.jsonl", `{"image": "a.png"}` + "\n", "a.png", "list.jsonl has no column with splits"},
		{"list.txt", "d/b.png\n\n a.png \n", "a.png d/b.png", "1 of them lie in no folder"},
		{"list.txt", "d/b.png\ne/f.png\n", "d/b.png=d e/f.png=e", "folders d, e"},
	} {
		root := tree(t, "a.png", "d/b.png", "c.png", "e/f.png", "not listed.png")
		writeFile(t, filepath.Join(root, c.name), []byte(c.text))
		s := opened(t, filepath.Join(root, c.name), Options{})
		if got := describe(s); got != c.want || s.Kind != KindList {
			t.Errorf("%q: %s of kind %s, want %s", c.text, got, s.Kind, c.want)
		}
		if !strings.Contains(s.Summary(), c.summary) {
			t.Errorf("%q: %s\nwant %s", c.text, s.Summary(), c.summary)
		}
		for i := range s.Len() {
			if _, err := s.Image(i); err != nil {
				t.Errorf("%q: %v", c.text, err)
			}
		}
	}
}

// TestListMissing: a file that is missing costs its own row alone, and is named with its line.
func TestListMissing(t *testing.T) {
	root := tree(t, "a.png", "b.png")
	writeFile(t, filepath.Join(root, "list.csv"), []byte("path,label\na.png,1\ngone.png,2\nb.png,1\n"))
	s := opened(t, filepath.Join(root, "list.csv"), Options{})
	if got := describe(s); got != "a.png=1 b.png=1 gone.png=2" {
		t.Error(got)
	}
	const want = `list.csv, line 3: there is no file "gone.png"`
	if notes := fmt.Sprint(s.Notes); !strings.Contains(notes, "1 of the 3 files in list.csv cannot be read: "+want) {
		t.Error(notes)
	}
	if _, err := s.Image(2); err == nil || !strings.HasSuffix(err.Error(), want) {
		t.Error(err)
	}
	if _, err := s.Image(1); err != nil {
		t.Error(err)
	}
}

func TestListErrors(t *testing.T) {
	root := tree(t, "a.png")
	for _, c := range []struct{ name, text, want string }{
		{"x.csv", "", "the list names no images"},
		{"x.csv", "path,label\n", "the list names no images"},
		{"x.csv", "b.png\nc.png\n", `x.csv, line 1: there is no file "b.png"; none of its 2 rows names a file`},
		{"x.csv", "a.png,x\na.png,y\n", `x.csv, line 2: "a.png" has another label or split than in line 1`},
		{"x.csv", "path,split\na.png,nowhere\n", `x.csv, line 2: the split "nowhere" is not train, val or test`},
		{"x.csv", "a.png,1,train,9\n", "x.csv, line 1: 4 columns without a header"},
		{"x.csv", "path\nhttps://example.org/a.png\n", `line 2: "https://example.org/a.png" is an address`},
		{"x.csv", "path,label\n,cat\n", "x.csv, line 2: the path is empty"},
		{"x.csv", "\"a", "x.csv, line 1: extraneous"},
		{"x.jsonl", "{\"file\": \"a.png\"}\n[1]\n", "x.jsonl, line 2: not a JSON object"},
		{"x.jsonl", "{\"name\": \"a.png\"}\n", "x.jsonl, line 1: it names no file"},
		{"x.jsonl", "{\"path\": [\"a.png\"]}\n", "x.jsonl, line 1: the value of path is neither a text nor a number"},
		{"x.txt", strings.Repeat("a", longestRow+5000), "a row of more than 1048576 bytes"},
		{"x.txt", strings.Repeat("a", 5000), "x.txt, line 1: the path has 5000 bytes"},
		{"x.csv:sub", "", "it has no folder sub"},
	} {
		file, _, _ := strings.Cut(c.name, ":")
		writeFile(t, filepath.Join(root, file), []byte(c.text))
		_, err := Open(filepath.Join(root, c.name), Options{})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%.80q: %.300v, want %s", c.text, err, c.want)
		}
	}
}

func TestListContent(t *testing.T) {
	root := tree(t, "a.png", "b.png")
	list := filepath.Join(root, "list.txt")
	writeFile(t, list, []byte("a.png\nb.png\n"))
	s := opened(t, list, Options{})
	before, err := s.Content(t.Context(), HashAll)
	if err != nil || len(before) != 2 {
		t.Fatal(before, err)
	}
	writeFile(t, filepath.Join(root, "a.png"), pngOf(t, 77, 8, 8))
	now, err := opened(t, list, Options{}).Like(t.Context(), before)
	if got := before.Changes(now).String(); err != nil || got != `changed: "a.png"` {
		t.Error(got, err)
	}
	absolute := filepath.Join(root, "absolute.txt")
	writeFile(t, absolute, []byte(filepath.Join(root, "a.png")+"\n"))
	if _, err := opened(t, absolute, Options{}).Image(0); err != nil {
		t.Error(err)
	}
}

func TestPatternOfImages(t *testing.T) {
	root := tree(t, "x/a.png", "x/b.png", "y/c.png", "y/d.jpg")
	s := opened(t, filepath.Join(root, "*", "*.png"), Options{})
	if got := describe(s); got != "x/a.png=x x/b.png=x y/c.png=y" {
		t.Error(got)
	}
	if got := describe(opened(t, filepath.Join(root, "{x,y}", "[b-c].png"), Options{})); got != "x/b.png=x y/c.png=y" {
		t.Error(got)
	}
}

func TestExpand(t *testing.T) {
	root := t.TempDir()
	for i := range 13 {
		writeFile(t, filepath.Join(root, fmt.Sprintf("s-%03d.tar", i)), nil)
	}
	for pattern, want := range map[string]string{
		"s-{000..002}.tar": "s-000.tar s-001.tar s-002.tar", "s-{008..010}.tar": "s-008.tar s-009.tar s-010.tar",
		"s-01?.tar": "s-010.tar s-011.tar s-012.tar", "s-{00{1}.tar": "a brace that is not closed",
		"s-{011..013}.tar": "s-013.tar, which is missing", "x*": "no file matches", "s-{3..1}.tar": "lower one first",
		"s-{0..99999999}.tar": "more than 100000", "s-{1,2}{1..60000}{1..60000}": "more than 100000",
		"s-00{1,0}.tar": "s-000.tar s-001.tar", "[": "syntax error",
	} {
		paths, err := expand(filepath.Join(root, pattern))
		got := strings.ReplaceAll(strings.Join(paths, " "), root+string(os.PathSeparator), "")
		if err != nil {
			got = err.Error()
		}
		if !strings.Contains(got, want) {
			t.Errorf("%s: %s, want %s", pattern, got, want)
		}
	}
}

func FuzzList(f *testing.F) {
	f.Add("path,label\na.png,cat\n")
	f.Add("\ufeffa;b\r\n\"")
	f.Add(`{"path": "a", "label": 1e3}` + "\n")
	f.Add("a\tb\n")
	f.Fuzz(func(t *testing.T, text string) {
		for ending, read := range listEndings {
			l, err := read("list"+ending, &leash{r: strings.NewReader(text)})
			if err != nil {
				continue
			}
			rows, err := l.unique()
			for i, r := range rows {
				if err == nil && (r.line < 1 || r.path == "" || i > 0 && rows[i-1].path >= r.path) {
					t.Errorf("%s: row %+v", ending, r)
				}
			}
		}
	})
}

func FuzzPattern(f *testing.F) {
	f.Add("{a,b}{1..3}")
	f.Add("{{}")
	f.Fuzz(func(t *testing.T, text string) {
		if all, err := braces(text, nil); err == nil && (len(all) == 0 || len(all) > mostMatches) {
			t.Errorf("%d paths", len(all))
		}
	})
}
