# Sidekiq: the job, which its worker loads, and the producer.
require 'json'
require 'redis'
require 'connection_pool'
require 'sidekiq'

SOCKET = ENV.fetch('BENCH_SOCKET')
Sidekiq.configure_server do |config|
  config.redis = { url: "unix://#{SOCKET}" }
  if ENV['BENCH_RELIABLE']
    require 'sidekiq-reliable-fetch'
    Sidekiq::ReliableFetch.setup_reliable_fetch!(config)
  end
end
Sidekiq.configure_client { |config| config.redis = { url: "unix://#{SOCKET}" } }
Sidekiq.logger.level = Logger::WARN
# It stores no results itself.
RESULTS = ConnectionPool.new(size: Integer(ENV.fetch('BENCH_THREADS'))) do
  Redis.new(path: SOCKET, db: 1)
end

def mono
  Process.clock_gettime(Process::CLOCK_MONOTONIC, :nanosecond)
end

class BenchJob
  include Sidekiq::Worker
  sidekiq_options queue: 'bench', retry: 3, backtrace: false

  def perform(work)
    began = mono
    if work['t']
      File.write(ENV.fetch('BENCH_STARTS'), "#{began - work['t']}\n", mode: 'a')
    end
    RESULTS.with { |r| r.set("result:#{jid}", JSON.generate('id' => work['id']), ex: 3600) }
  end
end

def work(number)
  { 'id' => format('job-%08d', number), 'type' => 'inference', 'kind' => 'echo',
    'input' => (1..8).map { |k| (0.123456789 * k + number * 1e-6).round(9) } }
end

def fill(count)
  (0...count).each_slice(1000) do |part|
    Sidekiq::Client.push_bulk('class' => BenchJob, 'args' => part.map { |i| [work(i)] })
  end
end

def pace(count, rate)
  start = mono + 500_000_000
  count.times do |i|
    left = (start + i * 1e9 / rate - mono) / 1e9
    sleep(left) if left > 0
    BenchJob.perform_async(work(10_000_000 + i).merge('t' => mono))
  end
end

fill(ARGV[1].to_i) if ARGV[0] == 'fill'
pace(ARGV[1].to_i, ARGV[2].to_f) if ARGV[0] == 'pace'
