<?php

// Triggers an event as Pusher's SDK does. Needs no SDK and no extension:
// PUSHER_URL=https://app-key:app-secret@rt.example.com/apps/1 php trigger.php

declare(strict_types=1);

function trigger(string $channel, string $name, mixed $data): void
{
    $url = parse_url(getenv('PUSHER_URL'));
    $path = $url['path'] . '/events';
    $body = json_encode(['channel' => $channel, 'name' => $name, 'data' => json_encode($data)]);
    // The signed parameters are sorted by their names.
    $query = http_build_query([
        'auth_key' => $url['user'],
        'auth_timestamp' => time(),
        'auth_version' => '1.0',
        'body_md5' => md5($body),
    ]);
    $signature = hash_hmac('sha256', "POST\n$path\n$query", $url['pass']);
    $context = stream_context_create(['http' => [
        'method' => 'POST',
        'header' => ['Content-Type: application/json'],
        'content' => $body,
        'timeout' => 10,
        // Returns the body of an answer with an error status.
        'ignore_errors' => true,
    ]]);
    $host = $url['host'] . (isset($url['port']) ? ":{$url['port']}" : '');
    $address = "{$url['scheme']}://$host$path?$query&auth_signature=$signature";
    $text = file_get_contents($address, false, $context);
    if ($text !== '{}') {
        throw new RuntimeException($text === false ? 'the server can\'t be reached' : $text);
    }
}

trigger('private-orders', 'shipped', ['id' => 7]);
