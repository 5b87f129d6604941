<?php
// Receives webhooks, verifies them, and processes each notification once. To try
// it: php -S 127.0.0.1:8000 receiver.php

declare(strict_types=1);

/** Returns whether the worker has signed the body. */
function is_signed(string $body): bool
{
    $secret = base64_decode(substr(getenv('WEBHOOK_SECRET'), strlen('whsec_')));
    $id = $_SERVER['HTTP_WEBHOOK_ID'] ?? '';
    $timestamp = $_SERVER['HTTP_WEBHOOK_TIMESTAMP'] ?? '';
    if (abs(time() - (int) $timestamp) > 300) {
        return false;
    }
    $digest = hash_hmac('sha256', "$id.$timestamp.$body", $secret, true);
    $expected = 'v1,' . base64_encode($digest);
    foreach (explode(' ', $_SERVER['HTTP_WEBHOOK_SIGNATURE'] ?? '') as $signature) {
        if (hash_equals($expected, $signature)) {
            return true;
        }
    }
    return false;
}

function handle(string $room, string $type, string $what): void
{
    file_put_contents('php://stdout', "$room $type $what\n");
}

function receive(array $data): void
{
    ['room' => $room, 'epoch' => $epoch] = $data;
    // Position in each room. Store it in your database, in the transaction of
    // your changes.
    $file = fopen(getenv('POSITIONS') ?: sys_get_temp_dir() . '/positions.json', 'c+');
    flock($file, LOCK_EX);
    $positions = json_decode(stream_get_contents($file), true) ?? [];
    $position = $positions[$room] ?? null;
    if (($position['epoch'] ?? null) !== $epoch) {
        $position = ['epoch' => $epoch, 'number' => 0, 'seq' => 0];
    }
    if ($data['dropped'] > 0) {
        handle($room, 'lost', (string) $data['dropped']);
    }
    foreach ($data['notifications'] as $notification) {
        foreach ($notification['events'] ?? [] as $event) {
            if ($event['seq'] > $position['seq']) {
                handle($room, $notification['type'], (string) $event['seq']);
                $position['seq'] = $event['seq'];
            }
        }
        if (($notification['number'] ?? 0) > $position['number']) {
            handle($room, $notification['type'], $notification['user'] ?? '');
            $position['number'] = $notification['number'];
        }
    }
    $positions[$room] = $position;
    rewind($file);
    ftruncate($file, 0);
    fwrite($file, json_encode($positions));
    fclose($file);
}

// The signature is of the bytes as they were sent.
$body = file_get_contents('php://input');
if (is_signed($body)) {
    receive(json_decode($body, true)['data']);
    http_response_code(204);
} else {
    http_response_code(400);
}
