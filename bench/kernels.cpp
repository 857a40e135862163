/* SPDX-License-Identifier: MIT */
/**
 * Every kernel that can run, on the shapes of the files in bench/shapes, with one thread.
 *
 * A line of a shapes file is a name and a geometry as cynf_geometry_print() writes it; views and strides of plain tensors may be left out of convolutions,
 * pooling, dense and recurrent layers. Benchmarks are called <shape>/<kernel>/hot, all operands in the cache as the last run left them, and
 * <shape>/<kernel>/cold, where other data went through the caches before each run. Counters: useful operations (FLOP/s), bytes/s of weights and
 * activations, and share, of what the algorithm could do on this machine at best (cynf_kernel_limit() after a calibration).
 */
#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "cynf-config.h"
#include "cynf/kernels.h"

extern "C" {
#include "tune/calibrate.h"
}

namespace {

constexpr int cold_runs = 20, quick_cold_runs = 3;
constexpr double quick_seconds = 0.01;

struct Options {
    bool quick = false, hot = true, cold = true, share = true;
    std::vector<std::string> files;
};

cynf_machine machine; /* calibrated, unless shares are not asked for */

struct Free {
    void operator()(void *p) const { std::free(p); }
};
using Buffer = std::unique_ptr<float, Free>;

/* Small whole numbers: no denormals, no overflow. At least one element, 64-byte aligned. */
Buffer filled(size_t n)
{
    auto *p = static_cast<float *>(std::aligned_alloc(64, (n * sizeof(float) + 64) / 64 * 64));
    for (size_t i = 0; i < n; i++)
        p[i] = static_cast<float>(static_cast<int>(i * 2654435761u >> 28) - 8) / 8.0f;
    return Buffer(p);
}

void plain(cynf_view &v, int h, int w, int c)
{
    if (!v.ps)
        v = cynf_view{h * w * c, w * c, c, 0, c};
}

/* Views and strides that the file left out. */
void complete(cynf_problem &p)
{
    const auto conv = [](cynf_conv2d &g) {
        plain(g.x, g.h, g.w, g.ic);
        plain(g.y, g.oh, g.ow, g.oc);
        if (g.e.residual)
            plain(g.r, g.oh, g.ow, g.oc);
    };
    const auto dwconv = [](cynf_dwconv2d &g) {
        plain(g.x, g.h, g.w, g.c);
        plain(g.y, g.oh, g.ow, g.c * g.mult);
        if (g.e.residual)
            plain(g.r, g.oh, g.ow, g.c * g.mult);
    };
    const auto stride = [](int32_t &s, int32_t dense) { s = s ? s : dense; };
    switch (p.op) {
    case CYNF_OP_CONV2D: conv(p.u.conv2d); break;
    case CYNF_OP_DWCONV2D: dwconv(p.u.dwconv2d); break;
    case CYNF_OP_SEPCONV2D:
        dwconv(p.u.sepconv2d.dw);
        conv(p.u.sepconv2d.pw);
        break;
    case CYNF_OP_POOL:
        plain(p.u.pool.x, p.u.pool.h, p.u.pool.w, p.u.pool.c);
        plain(p.u.pool.y, p.u.pool.oh, p.u.pool.ow, p.u.pool.c);
        break;
    case CYNF_OP_FC:
        stride(p.u.fc.x_rs, p.u.fc.k);
        stride(p.u.fc.y_rs, p.u.fc.n);
        break;
    case CYNF_OP_RNN: {
        cynf_rnn &g = p.u.rnn;
        stride(g.x_ts, g.f ? g.f : g.h * (g.kind == CYNF_RNN_SIMPLE ? 1 : g.kind == CYNF_RNN_LSTM ? 4 : 3));
        stride(g.x_ns, g.t * g.x_ts);
        stride(g.y_ts, g.h);
        stride(g.y_ns, g.sequences ? g.t * g.y_ts : g.h);
        break;
    }
    default: break;
    }
}

/* Operands whose numbers are places: rows of a table, first taps. */
void set_places(const cynf_problem &p, float *x, float *w2)
{
    if (p.op == CYNF_OP_LOOKUP)
        for (int i = 0; i < p.u.lookup.n; i++)
            x[static_cast<ptrdiff_t>(i) * p.u.lookup.x_s] = static_cast<float>(i * INT64_C(7919) % p.u.lookup.rows);
    else if (p.op == CYNF_OP_HASH)
        for (int i = 0; i < p.u.hash.n * p.u.hash.inputs; i++)
            x[i] = static_cast<float>(i);
    else if (p.op == CYNF_OP_RESAMPLE)
        for (int i = 0; i < p.u.resample.out; i++)
            w2[i] = static_cast<float>(static_cast<int64_t>(i) * (p.u.resample.in - p.u.resample.taps) / p.u.resample.out);
}

/* Other data goes through the caches: twice the last level, as far as that is this core's own. */
void evict()
{
    static std::vector<char> other(std::min<size_t>(64 << 20, 2 * static_cast<size_t>(std::max(machine.cache_bytes[1], machine.cache_bytes[2]))), 1);
    unsigned sum = 0;
    for (size_t i = 0; i < other.size(); i += 64)
        sum += static_cast<unsigned char>(other[i]++);
    benchmark::DoNotOptimize(sum);
}

void run(benchmark::State &state, const cynf_problem &p, const cynf_kernel *k, bool cold, bool share)
{
    const void *g = &p.u;
    size_t count[4];
    cynf_geometry_weights(p.op, g, count);
    const Buffer w = filled(count[0]), bias = filled(count[1]), w2 = filled(count[2]), bias2 = filled(count[3]);
    std::vector<Buffer> x;
    cynf_args a = {};
    const size_t packed_bytes = cynf_kernel_packed_bytes(k, g);
    /* Of a table only the rows asked for are read. */
    double bytes = p.op == CYNF_OP_LOOKUP ? 4.0 * p.u.lookup.n * p.u.lookup.len : static_cast<double>(packed_bytes);
    bytes += 4.0 * static_cast<double>(cynf_geometry_extent(p.op, g, -1));
    for (int i = 0; i < cynf_geometry_inputs(p.op, g); i++) {
        x.push_back(filled(cynf_geometry_extent(p.op, g, i)));
        a.x[i] = x.back().get();
        bytes += 4.0 * static_cast<double>(cynf_geometry_extent(p.op, g, i));
    }
    set_places(p, x[0].get(), w2.get());
    const cynf_weights weights = {w.get(), bias.get(), w2.get(), bias2.get()};
    const Buffer packed = filled(packed_bytes / sizeof(float) + 1), workspace = filled(cynf_kernel_workspace_bytes(k, g, 1) / sizeof(float) + 1);
    cynf_kernel_pack(k, g, &weights, packed.get());
    const Buffer y = filled(cynf_geometry_extent(p.op, g, -1));
    a.packed = packed.get();
    a.y = y.get();
    a.workspace = workspace.get();
    const auto once = [&] {
        for (int s = 0; s < cynf_kernel_stages(k, g); s++)
            cynf_kernel_run(k, g, s, &a, 0, 0, cynf_kernel_units(k, g, s));
        benchmark::ClobberMemory();
    };
    once(); /* page faults are nobody's time */
    if (cold)
        for (auto _ : state) {
            evict();
            const auto start = std::chrono::steady_clock::now();
            once();
            state.SetIterationTime(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
        }
    else
        for (auto _ : state)
            once();
    using benchmark::Counter;
    state.counters["FLOP/s"] = Counter(cynf_geometry_flops(p.op, g), Counter::kIsIterationInvariantRate, Counter::kIs1000);
    state.counters["bytes/s"] = Counter(bytes, Counter::kIsIterationInvariantRate, Counter::kIs1000);
    if (share && p.op != CYNF_OP_LOOKUP)
        state.counters["share"] = Counter(cynf_kernel_limit(k, &p, &machine, 1), Counter::kIsIterationInvariantRate);
}

/* False: the line cannot be read. */
bool add(const std::string &line, const Options &o)
{
    const size_t space = line.find(' ');
    auto p = std::make_shared<cynf_problem>();
    if (space == std::string::npos || !cynf_geometry_parse(line.c_str() + space + 1, p.get()))
        return false;
    complete(*p);
    const char *why = nullptr;
    if (!cynf_geometry_valid(p->op, &p->u, &why)) {
        std::fprintf(stderr, "cynf-bench: %s\n", why);
        return false;
    }
    std::vector<const cynf_kernel *> k(cynf_candidates(p->op, &p->u, cynf_machine_default(), nullptr, 0));
    cynf_candidates(p->op, &p->u, cynf_machine_default(), k.data(), k.size());
    if (o.quick)
        k.resize(1);
    for (const cynf_kernel *one : k) {
        const std::string name = line.substr(0, space) + "/" + cynf_kernel_name(one);
        const auto registered = [&](bool cold) {
            return benchmark::RegisterBenchmark((name + (cold ? "/cold" : "/hot")).c_str(),
                [p, one, cold, share = o.share](benchmark::State &s) { run(s, *p, one, cold, share); })->Unit(benchmark::kMicrosecond);
        };
        if (o.hot && o.quick)
            registered(false)->MinTime(quick_seconds);
        else if (o.hot)
            registered(false);
        if (o.cold)
            registered(true)->UseManualTime()->Iterations(o.quick ? quick_cold_runs : cold_runs);
    }
    return true;
}

const char usage[] =
    "Usage: cynf-bench [OPTION...] [SHAPES...]\n"
    "Times every kernel of this CPU on the shapes of the files (default: all of bench/shapes), hot and cold.\n\n"
    "      --quick            the kernel that the cost model takes for each shape alone, and short times\n"
    "      --cache=WHICH      hot, cold or both (default)\n"
    "      --no-share         do not calibrate this machine (1 to 2 s): no counter share\n"
    "  -o, --out=FILE         write JSON too\n"
    "      --benchmark_...    options of Google Benchmark, such as --benchmark_filter=REGEX\n"
    "  -h, --help             this text\n"
    "      --version          the version\n\n"
    "CYNF_CPU_MASK restricts the instruction sets. Exit status: 0 done, 1 bad input, 2 bad usage.\n";

[[noreturn]] void bad_usage(const std::string &text)
{
    std::fprintf(stderr, "cynf-bench: %s; --help tells what there is\n", text.c_str());
    std::exit(2);
}

/* Takes this program's options out of argv and hands --out on to Google Benchmark. */
Options parse(int argc, char **argv, std::vector<std::string> &rest)
{
    Options o;
    const auto out = [&](const std::string &file) {
        rest.push_back("--benchmark_out=" + file);
        rest.push_back("--benchmark_out_format=json");
    };
    for (int i = 1; i < argc; i++) {
        const std::string arg = argv[i];
        if (arg == "-h" || arg == "--help") {
            std::fputs(usage, stdout);
            std::exit(0);
        } else if (arg == "--version") {
            std::puts("cynf-bench " CYNF_VERSION);
            std::exit(0);
        } else if (arg == "--quick") {
            o.quick = true;
        } else if (arg == "--no-share") {
            o.share = false;
        } else if (arg == "--cache=hot" || arg == "--cache=cold" || arg == "--cache=both") {
            o.hot = arg != "--cache=cold";
            o.cold = arg != "--cache=hot";
        } else if (arg.rfind("--out=", 0) == 0 && arg.size() > 6) {
            out(arg.substr(6));
        } else if ((arg == "-o" || arg == "--out") && i + 1 < argc) {
            out(argv[++i]);
        } else if (arg.rfind("--benchmark_", 0) == 0) {
            rest.push_back(arg);
        } else if (arg[0] == '-') {
            bad_usage("unknown option or missing value: " + arg);
        } else {
            o.files.push_back(arg);
        }
    }
    return o;
}

} // namespace

int main(int argc, char **argv)
{
    const char *mask_text = std::getenv("CYNF_CPU_MASK");
    unsigned mask;
    if (mask_text && !cynf_cpu_parse_mask(mask_text, &mask))
        bad_usage(std::string("CYNF_CPU_MASK: unknown name in \"") + mask_text + "\"");
    if (mask_text)
        cynf_cpu_set_mask(mask);
    std::vector<std::string> rest = {argv[0]};
    Options o = parse(argc, argv, rest);
    std::vector<char *> arguments;
    for (std::string &text : rest)
        arguments.push_back(text.data());
    int left = static_cast<int>(arguments.size());
    arguments.push_back(nullptr);
    benchmark::Initialize(&left, arguments.data());
    if (left > 1)
        bad_usage(std::string("unknown option: ") + arguments[1]);
    if (o.files.empty())
        for (const char *name : {"resnet50", "mobilenetv1", "mobilenetv2", "vgg16", "efficientnetb0", "mini_xception", "dscnn", "large_kernels", "conv1d", "rnn", "dense",
                 "operations"})
            o.files.push_back(std::string(CYNF_SHAPES "/") + name + ".txt");
    machine = *cynf_machine_default();
    if (o.share)
        cynf_calibrate(&machine);
    for (const auto &file : o.files) {
        std::ifstream in(file);
        if (!in) {
            std::fprintf(stderr, "cynf-bench: %s: cannot be read; arguments are options and shapes files\n", file.c_str());
            return 1;
        }
        int number = 0;
        for (std::string line; std::getline(in, line);) {
            number++;
            if (!line.empty() && line[0] != '#' && !add(line, o)) {
                std::fprintf(stderr, "cynf-bench: %s:%d: expected a name and a geometry, as cynf_geometry_print writes it\n", file.c_str(), number);
                return 1;
            }
        }
    }
    benchmark::RunSpecifiedBenchmarks();
    return 0;
}
