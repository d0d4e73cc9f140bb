// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/parallax-ssl/parallax/dist"
	"github.com/parallax-ssl/parallax/internal/exit"
	"github.com/parallax-ssl/parallax/preset"
	"github.com/parallax-ssl/parallax/pretrain"
	"github.com/parallax-ssl/parallax/run"
)

// pretrainFlags are the flags of pretrain that set no value of the configuration.
type pretrainFlags struct {
	data, method, config, preset, out, resume string
	sets, probes                              []string
	minutes                                   float64
	json, report                              bool
	profile, nproc                            int
	timeout                                   time.Duration
	place                                     *dist.Place
}

func pretrainCommand() *cobra.Command {
	var f pretrainFlags
	c := &cobra.Command{
		Use:   "pretrain (--data PATH (--method NAME | --minutes N) | --resume DIR)",
		Short: "Train an encoder on unlabelled images",
		Long: `Pretrain trains an image encoder on unlabelled images and watches whether it is learning or collapsing.

PATH is a folder of images at any depth; a .tar, .tar.gz or .zip of such a folder, or a folder of such
archives, also WebDataset's with labels (1.jpg beside 1.cls); Parquet files with a column of images, as on
Hugging Face; a list, .csv or .jsonl with path, label and split, or .txt; a pattern in quotes, such as
'shards/{000..012}.tar'; CIFAR or IDX (MNIST) files; or the word synthetic for images drawn on the spot.
Parquet files and .tar.gz are unpacked into the cache once. An address in a bucket (s3://, gs://, azblob://)
names archives that are fetched into the cache when they are needed. If it has folders train and test or val, the
run trains on the images of train and measures on the others. PATH:sub/folder selects a part. Labels are
used to measure; only paws and supcon train on those of the training images. The first line of the run
says what the folders were taken for. In doubt it asks; --split answers.

Images become 8-bit RGB. --channels keep keeps the channels and the depth of TIFF and PNG files, any number
of channels of up to 32 bits or floating-point numbers; pages takes the pages of a TIFF file for channels.
Statistics of each channel are measured, operations on colours are replaced by ones on channels, and files
that differ from the others are left out.

The run directory holds everything: config.yaml with every value and its source, metrics.jsonl,
TensorBoard events, checkpoints, and encoder.safetensors, the encoder under torchvision's or timm's
parameter names. When the run ends, report.html shows what it was in one file (parallax report);
--report=false leaves it out.

The console shows std, the standard deviation of the normalised embedding times the square root of its
width (1: spread over all directions, 0: collapsed to a point); rank, the effective rank of the
embedding; and knn, if there are labels: the accuracy of a weighted vote of the nearest neighbours in
the backbone's features, beside the accuracy by chance. Images to vote on come from the splits test or
val, or are a fifth of each class, drawn at random with a fixed seed (probe.queries). Those whose class
has no neighbours do not count, and the start says how many there are.

A guard looks at the embeddings of 512 images fifty times in a run. It names a collapse by the numbers
that show it, and lists the usual causes in this method. --on-collapse says what the guard then does:
warn, once for each kind of collapse; stop, after a checkpoint; rewind to the last checkpoint before the
collapse and train on at half the learning rate (three times, then stop); or off, for no guard. The best
checkpoint (best.json) is the one with the highest knn; without a knn it is the newest whose features
have nearly the highest rank (RankMe). It is never one of a collapsed network.

--profile N shows where the time of N steps went, once they are made, and the run goes on: waiting for
images, forward, backward and so on; which operators took it; what the first evaluation took. The file
profile.json in the run directory has every operator and image, for ui.perfetto.dev. Results stay the same
to the bit.
--minutes N chooses the method, the network, the size of the views, the batch and the schedule, prints what
and why, and ends within N minutes, evaluations and export included. It measures a few steps first, and plans
anew as the run goes. What you set yourself stays as you set it.

--nproc N shares the run among N processes of this machine; torchrun --no-python parallax pretrain ..., srun
and Kubeflow's trainer do so on several. --batch stays the number of images of a step, batch norm is
synchronised, and the loss is that of one process with the whole batch. The first process writes the run
directory; when one is gone, the others say which, and a resume may have another number of processes.

Ctrl-C, a termination signal or a closed terminal ends the run after a checkpoint; under nohup a closed
terminal does not. SIGUSR1 or SIGUSR2 writes a checkpoint after the current step, and the run goes on.` +
			statuses(trainingEnds...),
		Example: `  parallax pretrain --data photos --method simsiam
  parallax pretrain --data photos --minutes 10
  parallax pretrain --data 'shards/*.tar' --method simsiam --epochs 5
  parallax pretrain --data cifar10.tar.gz --method simclr --preset tiny-cpu --epochs 5 --out runs/simclr
  parallax pretrain --data photos --method byol --set augment.color_jitter.p=0 --probe labelled-photos
  parallax pretrain --data photos --method simclr --profile 20
  parallax pretrain --data photos --method paws --labels some.csv
  parallax pretrain --data cells --method dino --channels keep
  parallax pretrain --data photos --method simclr --nproc 2
  parallax pretrain --resume runs/simclr
  parallax pretrain --resume runs/simclr --epochs 20`,
		Args:    noArguments,
		PreRunE: enough,
		RunE: func(c *cobra.Command, _ []string) error {
			settings, err := f.settings(c)
			if err != nil {
				return usage(err)
			}
			if launched, err := f.launch(c.Context(), c.OutOrStdout()); launched || err != nil {
				return err
			}
			if f.resume != "" {
				return f.resumeRun(c.Context(), c.OutOrStdout(), settings)
			}
			return f.newRun(c.Context(), c.OutOrStdout(), settings)
		},
	}
	fl := c.Flags()
	fl.StringVar(&f.data, "data", "", "images: a folder, an archive, a list, a pattern, or synthetic")
	fl.StringVar(&f.method, "method", "", "training method: "+strings.Join(methodNames(), ", "))
	fl.Float64Var(&f.minutes, "minutes", 0, "choose everything that is not given, and end within so many minutes")
	fl.StringVar(&f.out, "out", "", "run directory; default runs/METHOD-N")
	fl.StringVar(&f.config, "config", "", "YAML file with values of the configuration")
	fl.StringVar(&f.preset, "preset", "", presetHelp())
	fl.StringArrayVar(&f.sets, "set", nil, "set any value of the configuration, section.key=value; repeatable")
	fl.StringArrayVar(&f.probes, "probe", nil, "measure on these images instead of the training data; repeatable")
	fl.StringVar(&f.resume, "resume", "", "resume the run in this directory")
	fl.BoolVar(&f.json, "json", false, "print events as JSON lines")
	fl.BoolVar(&f.report, "report", true, "write OUT/"+run.ReportFile+" when the run ends")
	fl.IntVar(&f.profile, "profile", 0, "show where the time of so many steps goes, after three others")
	fl.IntVar(&f.nproc, "nproc", 1, "share the run among so many processes of this machine")
	fl.DurationVar(&f.timeout, "timeout", dist.DefaultWait, "how long a process of several may keep the others waiting")
	addSettingFlags(c)
	c.RegisterFlagCompletionFunc("method", completeMethod)
	c.RegisterFlagCompletionFunc("preset", cobra.FixedCompletions(preset.Names, cobra.ShellCompDirectiveNoFileComp))
	return c
}

// trainingEnds are the statuses of commands that train, beside those of every command.
var trainingEnds = []int{exit.Collapse, exit.Data, exit.Engine, exit.Memory, exit.Output, exit.Lost,
	exit.OfSignal(syscall.SIGHUP), exit.OfSignal(syscall.SIGINT), exit.OfSignal(syscall.SIGQUIT),
	exit.OfSignal(syscall.SIGTERM),
	exit.OfSignal(syscall.SIGXCPU)}

func presetHelp() string {
	return "settings that go together: " + strings.Join(preset.Names, ", ") +
		"; default by the size and number of the images"
}

func completeMethod(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return methodNames(), cobra.ShellCompDirectiveNoFileComp
}

// settings returns all values that the command line sets.
func (f *pretrainFlags) settings(c *cobra.Command) ([]pretrain.Setting, error) {
	var all []pretrain.Setting
	if f.data != "" {
		all = append(all, pretrain.Setting{Path: "data.path", Value: f.data, Source: "flag --data"})
	}
	if f.method != "" {
		all = append(all, pretrain.Setting{Path: "method.name", Value: f.method, Source: "flag --method"})
	}
	if len(f.probes) > 0 {
		list := "[" + strings.Join(quoted(f.probes), ", ") + "]"
		all = append(all, pretrain.Setting{Path: "probe.paths", Value: list, Source: "flag --probe"})
	}
	given, err := givenSettings(c, f.sets)
	return append(all, given...), err
}

func quoted(texts []string) []string {
	var q []string
	for _, t := range texts {
		q = append(q, "'"+strings.ReplaceAll(t, "'", "''")+"'")
	}
	return q
}

func (f *pretrainFlags) newRun(ctx context.Context, out io.Writer, settings []pretrain.Setting) error {
	if f.data == "" && f.method == "" && f.config == "" && len(settings) == 0 {
		return usage(errors.New("nothing to train: " +
			"give --data PATH and --method NAME or --minutes N, or --resume DIR (parallax pretrain --help has " +
			"examples)"))
	}
	text, err := readConfigFile(f.config)
	if err != nil {
		return err
	}
	o, end := shown(out, f.json, "")
	o.Out, o.Profile, o.Report, o.Version = f.out, f.profile, f.report, version+revision()
	end = f.join(&o, end)
	request := &pretrain.Request{
		File: f.config, Text: text, Preset: f.preset, Settings: settings, Minutes: f.minutes,
	}
	result, err := pretrain.Run(ctx, request, o)
	end(result, err)
	return err
}

func (f *pretrainFlags) resumeRun(ctx context.Context, out io.Writer, settings []pretrain.Setting) error {
	given := []struct{ flag, value string }{{"--out", f.out}, {"--config", f.config}, {"--preset", f.preset}}
	for _, other := range given {
		if other.value != "" {
			return usage(fmt.Errorf("--resume keeps the directory and the configuration of the run: leave out %s",
				other.flag))
		}
	}
	if f.minutes != 0 {
		return usage(errors.New("--resume follows the plan that the run recorded: leave out --minutes"))
	}
	o, end := shown(out, f.json, "")
	o.Profile, o.Report, o.Version = f.profile, f.report, version+revision()
	end = f.join(&o, end)
	result, err := pretrain.Resume(ctx, f.resume, settings, o)
	end(result, err)
	return err
}

// shown lets a console show a run. again is the command that resumes a stopped run; "" is pretrain's.
func shown(out io.Writer, asJSON bool, again string) (o pretrain.Options, end func(*pretrain.Result, error)) {
	c := newConsole(out, asJSON)
	c.again = again
	o = pretrain.Options{Watch: []func(run.Event){c.show}, Note: c.note, Begin: c.begin, Save: saveRequests,
		Profiled: c.profiled}
	return o, c.end
}

func readConfigFile(path string) ([]byte, error) {
	if path == "" {
		return nil, nil
	}
	return readSmall(path, "config")
}

// readSmall reads a file of settings. what is its kind in errors.
func readSmall(path, what string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, usage(fmt.Errorf("reading the %s: %w", what, err))
	}
	defer f.Close()
	const most = 1 << 20
	text, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && len(text) > most {
		err = fmt.Errorf("%s has more than 1 MiB: it is no %s", path, what)
	}
	if err != nil {
		return nil, usage(fmt.Errorf("reading the %s: %w", what, err))
	}
	return text, nil
}
