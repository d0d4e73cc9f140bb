// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/sys/cpu"

	"github.com/parallax-ssl/parallax/dataset"
	"github.com/parallax-ssl/parallax/internal/exit"
	"github.com/parallax-ssl/parallax/internal/machine"
	"github.com/parallax-ssl/parallax/preset"
	"github.com/parallax-ssl/parallax/pretrain"
	"github.com/parallax-ssl/parallax/torch"
)

// doctorFlags are the flags of doctor that set no value of the configuration.
type doctorFlags struct {
	data, method, config, preset string
	sets                         []string
	full, json                   bool
}

func doctorCommand() *cobra.Command {
	var f doctorFlags
	c := &cobra.Command{
		Use:   "doctor [--data PATH [--method NAME]]",
		Short: "Show what this machine can do, or what training on a data set would meet",
		Long: `Doctor prints versions, the device, how many cores the program may use and what bounds them (affinity
mask, CPU quota, SLURM), whether other programs hold them, threads and what the processor supports, and how
fast a matrix product and a convolution run here. It takes about a second, and shows at once if libtorch is
missing or is a slow build.

With --data it says instead what the data was taken for, before anything is trained: splits and classes,
and why; which files were left out; formats, sizes, colour and channel statistics; images that cannot be
read, that are copies, that look alike, or that two splits share; labels that contradict one another. It
reads a random sample of up to 20,000 images in at most 2 minutes; --full reads all.

With --method, and any other flag of pretrain, it adds what the run would be, makes four steps of it on
this machine, and says how long the run takes and how much memory it needs. Then it warns of what may go
wrong, with a remedy. Nothing is written. Where pretrain would refuse the data or the settings, doctor ends
with the same error.` + statuses(exit.Engine, exit.Memory),
		Example: `  parallax doctor
  parallax doctor --data photos
  parallax doctor --data photos --method simclr --batch 64
  parallax doctor --data photos --split none --json`,
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			settings, err := f.settings(c)
			if err != nil {
				return usage(err)
			}
			if f.data == "" {
				return f.examineMachine(c)
			}
			text, err := readConfigFile(f.config)
			if err != nil {
				return err
			}
			r := &pretrain.Request{File: f.config, Text: text, Preset: f.preset, Settings: settings}
			return f.examineData(c, r)
		},
	}
	fl := c.Flags()
	fl.StringVar(&f.data, "data", "", "images: a folder, an archive, a list, a pattern, or synthetic")
	fl.StringVar(&f.method, "method", "", "training method: "+strings.Join(methodNames(), ", "))
	fl.StringVar(&f.config, "config", "", "YAML file with values of the configuration")
	fl.StringVar(&f.preset, "preset", "", presetHelp())
	fl.StringArrayVar(&f.sets, "set", nil, "set any value of the configuration, section.key=value; repeatable")
	fl.BoolVar(&f.full, "full", false, "read all images, however long it takes")
	fl.BoolVar(&f.json, "json", false, "print JSON")
	addSettingFlags(c)
	c.RegisterFlagCompletionFunc("method", completeMethod)
	c.RegisterFlagCompletionFunc("preset", cobra.FixedCompletions(preset.Names, cobra.ShellCompDirectiveNoFileComp))
	return c
}

// settings returns all values that the command line sets. Without data only the device is of use.
func (f *doctorFlags) settings(c *cobra.Command) (all []pretrain.Setting, err error) {
	if f.data == "" {
		c.Flags().Visit(func(flag *pflag.Flag) {
			if !slices.Contains([]string{"json", "device", "help"}, flag.Name) {
				err = fmt.Errorf("--%s is about data: give --data PATH, too", flag.Name)
			}
		})
		return nil, err
	}
	all = append(all, pretrain.Setting{Path: "data.path", Value: f.data, Source: "flag --data"})
	if f.method != "" {
		all = append(all, pretrain.Setting{Path: "method.name", Value: f.method, Source: "flag --method"})
	}
	given, err := givenSettings(c, f.sets)
	return append(all, given...), err
}

// examineMachine says what the machine and the installation can do.
func (f *doctorFlags) examineMachine(c *cobra.Command) error {
	if err := torch.Use(cmp.Or(c.Flags().Lookup("device").Value.String(), "cpu")); err != nil {
		return usage(err)
	}
	findings := []finding{
		{"parallax", version + revision()},
		{"go", runtime.Version() + " " + runtime.GOOS + "/" + runtime.GOARCH},
	}
	findings = append(findings, coreFindings()...)
	findings = append(findings, finding{"processor", processor()}, finding{"bf16", bf16()},
		finding{"jpeg", dataset.Decoder()})
	engine, err := examine()
	findings = append(findings, engine...)
	if f.json {
		facts := map[string]string{}
		for _, f := range findings {
			facts[f.what] = f.is
		}
		return errors.Join(err, printJSON(c.OutOrStdout(), facts))
	}
	printFindings(c.OutOrStdout(), findings)
	return err
}

// printJSON prints a value as indented JSON.
func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// finding is one line of doctor's report.
type finding struct{ what, is string }

func printFindings(w io.Writer, findings []finding) {
	for _, f := range findings {
		fmt.Fprintf(w, "%-16s %s\n", f.what, f.is)
	}
}

func processor() string {
	var can []string
	for _, c := range []struct {
		name string
		has  bool
	}{
		{"avx2", cpu.X86.HasAVX2}, {"avx512", cpu.X86.HasAVX512F}, {"avx512_bf16", cpu.X86.HasAVX512BF16},
		{"amx_bf16", cpu.X86.HasAMXBF16}, {"asimd", cpu.ARM64.HasASIMD},
	} {
		if c.has {
			can = append(can, c.name)
		}
	}
	return strings.Join(append([]string{runtime.GOARCH}, can...), " ")
}

func bf16() string {
	if machine.FastBF16("cpu") {
		return "in hardware: the default precision where a layer is faster in it"
	}
	return "not in hardware: float32 is the default precision"
}

// examine opens the engine and times it.
func examine() (findings []finding, err error) {
	start := time.Now()
	if err := torch.Load(); err != nil {
		return []finding{{"engine", "missing"}}, err
	}
	findings = append(findings, finding{"engine", fmt.Sprintf("opened in %.1f s", time.Since(start).Seconds())})
	err = torch.Scope(func() error {
		torch.SetThreads(machine.Threads())
		facts := torch.Describe()
		keys := []string{"library", "libtorch", "device", "cpu capability", "threads", "onednn", "mkl", "cuda"}
		for _, key := range keys {
			findings = append(findings, finding{key, facts[key]})
		}
		for _, b := range []bool{false, true} {
			name := map[bool]string{false: "float32", true: "bf16"}[b]
			findings = append(findings,
				finding{"product " + name, rate(b, 2*1024*1024*1024, gemm)},
				finding{"conv " + name, rate(b, 2*16*64*64*9*56*56, convolution)})
		}
		return nil
	})
	return findings, err
}

// rate runs f for a quarter of a second and returns its speed in GFLOP/s.
func rate(bf16 bool, operations float64, prepare func() func()) string {
	var speed float64
	if err := torch.Scope(func() error {
		torch.NoGrad(func() {
			torch.Autocast(bf16, func() {
				f := prepare()
				f() // the first call chooses kernels and allocates memory
				n, start := 0, time.Now()
				for ; time.Since(start) < 250*time.Millisecond; n++ {
					f()
				}
				speed = operations * float64(n) / time.Since(start).Seconds() / 1e9
			})
		})
		return nil
	}); err != nil {
		return err.Error()
	}
	return fmt.Sprintf("%.0f GFLOP/s", speed)
}

// gemm multiplies two matrices of 1024 x 1024.
func gemm() func() {
	a := torch.Ones(torch.F32, 1024, 1024)
	return func() { torch.Free(a.MatMul(a)) }
}

// convolution is a layer of ResNet's first stage: 16 images of 56 x 56, 64 channels, 3 x 3.
func convolution() func() {
	x := torch.Ones(torch.F32, 16, 64, 56, 56).ChannelsLast()
	w := torch.Ones(torch.F32, 64, 64, 3, 3).ChannelsLast()
	return func() { torch.Free(torch.Convolution(x, w, 1, 1)) }
}
